package vm

// supply is what one Debian package brings into the image.
type supply struct {
	pkg      string
	commands []string // programs, by name, from its bin and sbin folders
	files    []string // further files, as patterns below the root; a folder is taken whole
}

// userland is all of the image besides the kernel.
var userland = []supply{
	// The system itself. Applets of busybox stand in for what is not named here.
	{pkg: "dash", commands: []string{"dash"}},
	{pkg: "busybox-static", commands: []string{"busybox"}},
	{pkg: "kmod", commands: []string{"modprobe", "rmmod", "lsmod"}},
	{pkg: "util-linux", commands: []string{"nsenter", "unshare", "setpriv"}},
	{pkg: "mount", commands: []string{"mount", "umount"}},
	{pkg: "procps", commands: []string{"sysctl"}},
	{pkg: "netbase", files: []string{"etc/protocols", "etc/services"}},
	// The network, as tests lay it out and look at it.
	{pkg: "iproute2", commands: []string{"ip", "tc", "bridge"}},
	{pkg: "nftables", commands: []string{"nft"}},
	{pkg: "ethtool", commands: []string{"ethtool"}},
	{pkg: "tcpdump", commands: []string{"tcpdump"}},
	{pkg: "iputils-ping", commands: []string{"ping"}},
	{pkg: "curl", commands: []string{"curl"}},
	// Clients of the gateway.
	{pkg: "udhcpc", commands: []string{"udhcpc"}},
	{pkg: "isc-dhcp-client", commands: []string{"dhclient"}},
	{pkg: "dhcpcd-base", commands: []string{"dhcpcd"}, files: []string{"usr/lib/dhcpcd", "etc/dhcpcd.conf"}},
	// The radio.
	{pkg: "hostapd", commands: []string{"hostapd", "hostapd_cli"}},
	{pkg: "wpasupplicant", commands: []string{"wpa_supplicant", "wpa_cli"}},
	{pkg: "iw", commands: []string{"iw"}},
	{pkg: "wireless-regdb", files: []string{"lib/firmware/regulatory.db*"}},
	// Foreign judges of the simulated modem.
	{pkg: "libmbim-utils", commands: []string{"mbimcli"}},
	{pkg: "libmbim-proxy", files: []string{"usr/libexec/mbim-proxy"}},
	{pkg: "dbus-daemon", commands: []string{"dbus-daemon"}},
	{pkg: "dbus-bin", commands: []string{"dbus-send"}},
	{pkg: "modemmanager", commands: []string{"ModemManager", "mmcli"}, files: []string{
		"usr/lib/*/ModemManager/libmm-plugin-generic.so", "usr/share/polkit-1/actions/*", "lib/udev/rules.d/*-mm-*.rules"}},
	{pkg: "polkitd", files: []string{"usr/lib/polkit-1/polkitd", "usr/share/polkit-1/rules.d/*"}},
}

// modules are the kernel modules of the image: by name, or all of a folder when it
// ends in a slash. What they need comes along; what a kernel has built in or lacks is
// passed over.
var modules = []string{
	// The runner's own port.
	"virtio_pci", "virtio_mmio", "virtio_console", "virtio_net", "virtio_rng",
	// The modem and what else hangs on USB.
	"vhci_hcd", "dummy_hcd", "cdc_mbim", "cdc_ncm", "cdc_ether", "qmi_wwan", "option", "rndis_host",
	"libcomposite", "usb_f_ncm", "usb_f_ecm",
	// Links, tunnels, queues.
	"af_packet", "packet_diag", "inet_diag", "tcp_diag", "udp_diag", "netlink_diag", "tun", "veth", "dummy", "bridge", "br_netfilter", "8021q", "macvlan", "ifb", "wireguard",
	"kernel/net/sched/",
	// The firewall.
	"kernel/net/netfilter/", "kernel/net/ipv4/netfilter/", "kernel/net/ipv6/netfilter/", "kernel/net/bridge/netfilter/",
	// The radio, and the ciphers that it asks for by algorithm.
	"mac80211_hwsim", "ccm", "gcm", "cmac", "ctr", "aes_generic", "arc4", "michael_mic", "ghash_generic",
	"sha256_generic", "crc32c_generic",
}

// fixed are files that no package brings.
var fixed = map[string]string{
	"etc/passwd":        "root:x:0:0:root:/root:/bin/sh\npolkitd:x:102:102:polkit:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
	"etc/group":         "root:x:0:\nnetdev:x:101:\npolkitd:x:102:\nnogroup:x:65534:\n",
	"etc/hosts":         "127.0.0.1 localhost\n::1 localhost\n",
	"etc/hostname":      "gateway\n",
	"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	"etc/resolv.conf":   "",
}

// folders are made empty.
var folders = []string{"proc", "sys", "dev", "run", "tmp", "root", "applets", "var/lib/dhcp", "var/lib/dhcpcd", "usr/bin", "usr/sbin", "usr/lib", "etc"}

// links are made besides those of the packages: everything lives below usr, as in an
// installed system.
var links = map[string]string{
	"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "usr/lib64": "lib",
	"usr/bin/sh": "dash", "var/run": "../run",
	// Otherwise a choice of the system administrator.
	"usr/lib/firmware/regulatory.db": "regulatory.db-debian", "usr/lib/firmware/regulatory.db.p7s": "regulatory.db.p7s-debian",
}
