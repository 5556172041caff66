################################################################################
#
# tetherd
#
################################################################################

TETHERD_VERSION = 0.1.0
TETHERD_SITE = https://github.com/tetherd/tetherd/releases/download/v$(TETHERD_VERSION)
TETHERD_LICENSE = Apache-2.0
TETHERD_LICENSE_FILES = LICENSE NOTICE
TETHERD_GOMOD = github.com/tetherd/tetherd
TETHERD_BUILD_TARGETS = cmd/tetherd
TETHERD_BIN_NAME = tetherd
TETHERD_TAGS = netgo osusergo nethttpomithttp2
TETHERD_LDFLAGS = -s -w -X main.version=$(TETHERD_VERSION)

define TETHERD_INSTALL_CONFIG
	$(INSTALL) -D -m 0600 $(TETHERD_PKGDIR)/tetherd.config \
		$(TARGET_DIR)/etc/config/tetherd
endef
TETHERD_POST_INSTALL_TARGET_HOOKS += TETHERD_INSTALL_CONFIG

define TETHERD_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(TETHERD_PKGDIR)/S80tetherd \
		$(TARGET_DIR)/etc/init.d/S80tetherd
endef

define TETHERD_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(TETHERD_PKGDIR)/tetherd.service \
		$(TARGET_DIR)/usr/lib/systemd/system/tetherd.service
endef

# What must be there, else no rule is in force; the rest of board/common/linux.fragment is
# for hardware, and the short way of established connections. Present kernels have
# NFT_COUNTER and NFT_OBJREF always, older ones that are still kept only when asked.
define TETHERD_LINUX_CONFIG_FIXUPS
	$(call KCONFIG_ENABLE_OPT,CONFIG_BRIDGE)
	$(call KCONFIG_ENABLE_OPT,CONFIG_IP_ADVANCED_ROUTER)
	$(call KCONFIG_ENABLE_OPT,CONFIG_IP_MULTIPLE_TABLES)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NETFILTER)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NETFILTER_NETLINK)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NET_NS)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NF_CONNTRACK)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NF_CT_NETLINK)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NF_NAT)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NF_TABLES)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NF_TABLES_BRIDGE)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NF_TABLES_INET)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NFT_COUNTER)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NFT_CT)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NFT_MASQ)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NFT_NAT)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NFT_OBJREF)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NFT_REDIR)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NFT_REJECT)
	$(call KCONFIG_ENABLE_OPT,CONFIG_PACKET)
	$(call KCONFIG_ENABLE_OPT,CONFIG_VETH)
endef

$(eval $(golang-package))
