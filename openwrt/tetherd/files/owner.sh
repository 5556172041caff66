#!/bin/sh
# shellcheck shell=dash
# tetherd owns the router. "owner take" sets aside what would do the same work, and on
# the first time takes over what the system already says: access point, PIN, LAN, Wi-Fi.
# "owner give-back" undoes exactly what "take" did, as noted in $STATE/aside.
#
# ROOT is for tests: a folder in the place of /.

ROOT=${ROOT:-}
STATE=$ROOT/etc/tetherd
NOTE=$STATE/aside
CONFIG=$ROOT/etc/config/tetherd

# note KIND NAME remembers one thing that was set aside.
note() {
	echo "$1 $2" >>"$NOTE"
}

# sections CONFIG TYPE prints the names of all sections of that type. -X gives anonymous
# ones a name too, which holds until they change.
sections() {
	uci -q -X show "$1" | sed -n "s/^$1\.\([^.=]*\)=$2\$/\1/p"
}

service_aside() {
	init=$ROOT/etc/init.d/$1
	[ -x "$init" ] || return 0
	"$init" enabled || return 0
	note service "$1"
	"$init" disable
	"$init" stop
}

# switch_off KIND CONFIG SECTION disables a section that is not disabled.
switch_off() {
	[ "$(uci -q get "$2.$3.disabled")" = 1 ] && return 0
	note "$1" "$3"
	uci -q set "$2.$3.disabled=1"
}

# free_ssh lets SSH listen at all addresses where it was bound to netifd's LAN, for whose
# coming up it would wait for ever. The firewall says who reaches it. A section is noted by
# its place: the name of an anonymous one changes with its options.
free_ssh() {
	place=0 freed=''
	for _ in $(sections dropbear dropbear); do
		for at in "@dropbear[$place].Interface" "@dropbear[$place].DirectInterface"; do
			bound=$(uci -q get "dropbear.$at")
			case " $bound " in
			*' lan '*)
				note ssh "$at=$bound"
				uci -q delete "dropbear.$at"
				freed=1
				;;
			esac
		done
		place=$((place + 1))
	done
	[ -n "$freed" ] || return 0
	uci -q commit dropbear
	"$ROOT/etc/init.d/dropbear" reload
}

set_aside() {
	for service in dnsmasq odhcpd firewall; do
		service_aside "$service"
	done
	for name in $(sections network interface); do
		[ "$name" = loopback ] || switch_off interface network "$name"
	done
	for name in $(sections wireless wifi-device); do
		switch_off radio wireless "$name"
	done
	uci -q commit network
	uci -q commit wireless
	free_ssh
}

# say TEXT writes one line of the new configuration.
say() {
	printf '%s\n' "$1" >>"$CONFIG.new"
}

# option NAME VALUE writes one option, when it has a value. UCI has one way to write a
# quote inside of quotes.
option() {
	[ -n "$2" ] && say "	option $1 '$(printf '%s' "$2" | sed "s/'/'\\\\''/g")'"
	return 0
}

# bits MASK prints the prefix length of a netmask.
bits() {
	left=$1. sum=0
	while [ -n "$left" ]; do
		case ${left%%.*} in
		255) sum=$((sum + 8)) ;; 254) sum=$((sum + 7)) ;; 252) sum=$((sum + 6)) ;;
		248) sum=$((sum + 5)) ;; 240) sum=$((sum + 4)) ;; 224) sum=$((sum + 3)) ;;
		192) sum=$((sum + 2)) ;; 128) sum=$((sum + 1)) ;; *) ;;
		esac
		left=${left#*.}
	done
	echo "$sum"
}

# listening prints the TCP ports by which the LAN administers the router: those of SSH,
# and of the system's own page.
listening() {
	if "$ROOT/etc/init.d/dropbear" enabled 2>/dev/null; then
		for name in $(sections dropbear dropbear); do
			case $(uci -q get "dropbear.$name.enable") in 0 | no | off | false | disabled) continue ;; esac
			case " $(uci -q get "dropbear.$name.DirectInterface" || uci -q get "dropbear.$name.Interface") " in
			'  ' | *' lan '*) uci -q get "dropbear.$name.Port" || echo 22 ;;
			esac
		done
	fi
	"$ROOT/etc/init.d/uhttpd" enabled 2>/dev/null || return 0
	for name in $(sections uhttpd uhttpd); do
		for at in $(uci -q get "uhttpd.$name.listen_http") $(uci -q get "uhttpd.$name.listen_https"); do
			case $at in 127.* | '[::1]'*) ;; *) echo "${at##*:}" ;; esac
		done
	done
}

# members VID PORTS prints the interfaces of a bridge's VLAN, of those with tags the VLAN
# on them, by whose name the program makes it.
members() {
	for port in $2; do
		case $port in
		*:*t*) echo "${port%%:*}.$1" ;;
		*) echo "${port%%:*}" ;;
		esac
	done
}

# take_lan keeps bridge, ports and address, so that who administers the router over it
# still does, and leaves SSH and the page of the system open for them.
take_lan() {
	device=$(uci -q get network.lan.device || uci -q get network.lan.ifname) || return 0
	address=$(uci -q get network.lan.ipaddr)
	address=${address%% *}
	case $address in
	'' | */*) ;;
	*) address=$address/$(bits "$(uci -q get network.lan.netmask || echo 255.255.255.0)") ;;
	esac
	say "config lan 'lan'"
	ports=$device
	for name in $(sections network device); do
		[ "$(uci -q get "network.$name.name") $(uci -q get "network.$name.type")" = "$device bridge" ] || continue
		option bridge "$device"
		ports=$(uci -q get "network.$name.ports")
	done
	# A VLAN of a bridge goes with that bridge; its members become the ports.
	for name in $(sections network bridge-vlan); do
		[ "$(uci -q get "network.$name.device").$(uci -q get "network.$name.vlan")" = "$device" ] || continue
		option bridge "${device%.*}"
		ports=$(members "${device##*.}" "$(uci -q get "network.$name.ports")")
	done
	for port in $ports; do
		say "	list port '$port'"
	done
	option address "$address"
	for port in $(listening | sort -nu); do
		say "	list open '$port'"
	done
	say ''
}

# take_bearers keeps what the protocols of the modem are given, in the words of each:
# user or username, auth, pdptype, iptype or pdp.
take_bearers() {
	pin='' roaming='' found=''
	for name in $(sections network interface); do
		case $(uci -q get "network.$name.proto") in
		3g | directip | mbim | modemmanager | ncm | qmi | wwan) ;;
		*) continue ;;
		esac
		pin=${pin:-$(uci -q get "network.$name.pincode")}
		roaming=${roaming:-$(uci -q get "network.$name.allow_roaming")}
		found=1
		apn=$(uci -q get "network.$name.apn") || continue
		[ -n "$apn" ] || continue
		say "config apn '$name'"
		option apn "$apn"
		option user "$(uci -q get "network.$name.username")"
		option password "$(uci -q get "network.$name.password")"
		option auth "$(auth "$(uci -q get "network.$name.auth" || uci -q get "network.$name.allowedauth")")"
		option family "$(family "$(uci -q get "network.$name.pdptype" || uci -q get "network.$name.iptype")")"
		say ''
	done
	[ -n "$found" ] || return 0
	say "config modem 'modem'"
	option pin "$pin"
	[ "$roaming" = 1 ] && option roaming 1
	say ''
}

# auth and family turn the words of the system's protocols into ours; what is not
# known is left to the program.
auth() {
	case $1 in
	none | pap | chap) echo "$1" ;;
	esac
}

family() {
	case $(echo "$1" | tr '[:upper:]' '[:lower:]') in
	ip | ipv4) echo ipv4 ;;
	ipv6) echo ipv6 ;;
	ipv4v6) echo ipv4v6 ;;
	esac
}

# take_wifi keeps country, names and passphrases of networks that have one and lead into
# the LAN. An open network is not taken over: tetherd has none. Neither is one of another
# zone, whose members would be in the LAN, nor one that is off. When all that there was
# is off, Wi-Fi stays off.
take_wifi() {
	country='' on='' off='' seen=' '
	for name in $(sections wireless wifi-device); do
		country=${country:-$(uci -q get "wireless.$name.country")}
	done
	for name in $(sections wireless wifi-iface); do
		[ "$(uci -q get "wireless.$name.mode")" = ap ] || continue
		security=$(security "$(uci -q get "wireless.$name.encryption")")
		ssid=$(uci -q get "wireless.$name.ssid")
		if is_off "$name"; then
			off=$off$security
			continue
		fi
		on=1
		if [ -z "$security" ] || [ -z "$ssid" ]; then
			continue
		fi
		case " $(uci -q get "wireless.$name.network") " in
		*' lan '*) ;;
		*)
			logger -t tetherd -p daemon.warn "the Wi-Fi network $ssid does not lead into the LAN and was not taken over"
			continue
			;;
		esac
		# One network on several radios is one section with us.
		mark=$(printf '%s' "$ssid" | tr -c 'A-Za-z0-9' '_')
		case $seen in *" $mark "*) continue ;; esac
		seen="$seen$mark "
		say 'config network'
		option ssid "$ssid"
		option passphrase "$(uci -q get "wireless.$name.key")"
		option security "$security"
		[ "$(uci -q get "wireless.$name.hidden")" = 1 ] && option hidden 1
		[ "$(uci -q get "wireless.$name.isolate")" = 1 ] && option isolate 1
		say ''
	done
	[ -n "$on" ] && off=''
	[ -n "$country$off" ] || return 0
	say "config wifi 'wifi'"
	option country "$country"
	[ -n "$off" ] && option enabled 0
	say ''
}

# is_off says that somebody has switched a Wi-Fi network or its radio off.
is_off() {
	[ "$(uci -q get "wireless.$1.disabled")" = 1 ] ||
		[ "$(uci -q get "wireless.$(uci -q get "wireless.$1.device").disabled")" = 1 ]
}

# security turns OpenWrt's word into ours; nothing for open networks, and for those of
# enterprises, which tetherd does not have.
security() {
	case $1 in
	psk2* | psk-mixed*) echo wpa2 ;;
	sae-mixed*) echo wpa2-wpa3 ;;
	sae*) echo wpa3 ;;
	esac
}

# untouched says that nobody has configured anything yet: the file has the section that
# it is shipped with, and no other.
untouched() {
	! grep '^[[:space:]]*config' "$CONFIG" | grep -qv "config tetherd 'main'"
}

# take_over writes the configuration from what the system says. It must be without
# fault; else the file stays as it was, which is a working gateway.
take_over() {
	untouched || return 0
	cp "$CONFIG" "$CONFIG.new" || return 0
	say ''
	take_lan
	take_bearers
	take_wifi
	if tetherd check "$CONFIG.new" >/dev/null; then
		chmod 600 "$CONFIG.new"
		mv "$CONFIG.new" "$CONFIG"
	else
		logger -t tetherd -p daemon.warn 'the settings of the system could not be taken over'
		rm -f "$CONFIG.new"
	fi
}

take() {
	mkdir -p "$STATE"
	chmod 700 "$STATE"
	# An upgrade keeps the note, and with it what was taken over.
	if [ ! -e "$NOTE" ]; then
		take_over
		# A factory reset goes back to what is there now.
		[ -e "$STATE/factory" ] || cp -p "$CONFIG" "$STATE/factory"
		: >"$NOTE"
	fi
	set_aside
	# At the first start of an image netifd does not run yet, and reads this when it does.
	"$ROOT/etc/init.d/network" reload || true
}

give_back() {
	[ -e "$NOTE" ] || return 0
	while read -r kind name; do
		case $kind in
		interface) uci -q delete "network.$name.disabled" ;;
		radio) uci -q delete "wireless.$name.disabled" ;;
		ssh) uci -q set "dropbear.$name" ;;
		esac
	done <"$NOTE"
	uci -q commit network
	uci -q commit wireless
	uci -q commit dropbear
	"$ROOT/etc/init.d/tetherd" stop
	while read -r kind name; do
		if [ "$kind" = service ] && [ -x "$ROOT/etc/init.d/$name" ]; then
			"$ROOT/etc/init.d/$name" enable
			"$ROOT/etc/init.d/$name" start
		fi
	done <"$NOTE"
	grep -q '^ssh ' "$NOTE" && "$ROOT/etc/init.d/dropbear" reload
	rm -f "$NOTE"
	"$ROOT/etc/init.d/network" reload
}

case $1 in
take) take ;;
give-back) give_back ;;
*)
	echo "usage: owner take|give-back" >&2
	exit 2
	;;
esac
