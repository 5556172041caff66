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

# note KIND NAME remembers one thing that is about to be set aside. After a power cut it is
# either noted or as it was.
note() {
	echo "$1 $2" >>"$NOTE"
	sync
}

warn() {
	logger -t tetherd -p daemon.warn "$1"
}

# put FILE puts $STATE/new into its place, whole also after a power cut: on flash a new
# name can be there long before what was written under it.
put() {
	sync
	mv "$STATE/new" "$1"
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

# switch_off KIND CONFIG SECTION disables a section that is not disabled, and says so: it
# may be one that its owner has added since.
switch_off() {
	[ "$(uci -q get "$2.$3.disabled")" = 1 ] && return 0
	note "$1" "$3"
	warn "the $1 $3 of the system is switched off"
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

# say TEXT adds one line to the part that is being taken over.
say() {
	part="$part$1
"
}

# keep NAME adds the part to the new configuration, unless tetherd cannot have it: then
# the log says why, and the other parts are none the worse.
keep() {
	{
		cat "$STATE/new"
		printf '\n%s' "$part"
	} >"$STATE/try"
	part=''
	if faults=$(tetherd check "$STATE/try" 2>&1); then
		mv "$STATE/try" "$STATE/new"
	else
		rm "$STATE/try"
		warn "$1 could not be taken over: $faults"
		return 1
	fi
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

# has_lan says that there is an interface that is called lan.
has_lan() {
	sections network interface | grep -qx lan
}

# is_bridge NAME says that a device is a bridge.
is_bridge() {
	for name in $(sections network device); do
		[ "$(uci -q get "network.$name.name") $(uci -q get "network.$name.type")" = "$1 bridge" ] && return 0
	done
	return 1
}

# others prints the interfaces by which a router without lan may be administered: those that
# are on, with an address of their own or on a bridge.
others() {
	for other in $(sections network interface); do
		case $other in loopback | lan) continue ;; esac
		[ "$(uci -q get "network.$other.disabled")" = 1 ] && continue
		device=$(uci -q get "network.$other.device")
		if [ "$(uci -q get "network.$other.proto")" = static ] || is_bridge "${device%.*}"; then
			echo "$other"
		fi
	done
}

# fit says that the LAN can be tetherd's, which has an address of its own. A system without
# any interface that may be one has none to lose.
fit() {
	proto=$(uci -q get network.lan.proto)
	case $proto in
	'' | static) ;;
	none) # it is administered by another interface, in a network that has a DHCP server
		warn "the LAN has no address here and could not be taken over: tetherd's has its own"
		return 1
		;;
	*)
		warn "the LAN gets its address by $proto and could not be taken over: tetherd's has its own"
		return 1
		;;
	esac
	if has_lan && [ "$(uci -q get network.lan.disabled)" != 1 ]; then
		return 0
	fi
	others=$(others)
	[ -z "$others" ] || warn "the LAN could not be taken over: no interface that is on is called lan, but $(echo "$others" | tr '\n' ' ')may be it"
	[ -z "$others" ]
}

# take_lan keeps bridge, ports and address, so that who administers the router over it
# still does, and leaves SSH and the page of the system open for them. DHCP's own pool is
# one of a /24: a smaller LAN lends all that it has. A LAN of Wi-Fi alone names no device.
take_lan() {
	fit || return 1
	has_lan || return 0
	device=$(uci -q get network.lan.device || uci -q get network.lan.ifname)
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
	prefix=${address#*/}
	if [ "${prefix:-0}" -gt 24 ]; then
		say "config dhcp 'dhcp'"
		option start 1
		option limit $(((1 << (32 - prefix)) - 2))
	fi
	keep "the LAN $address"
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
		keep "the access point of $name"
	done
	[ -n "$found" ] || return 0
	say "config modem 'modem'"
	option pin "$pin"
	[ "$roaming" = 1 ] && option roaming 1
	keep 'the PIN of the modem' || [ "$roaming" != 1 ] || {
		say "config modem 'modem'"
		option roaming 1
		keep 'roaming'
	}
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
	country='' on='' off='' taken="
"
	for name in $(sections wireless wifi-device); do
		case $country in '' | 00) country=$(uci -q get "wireless.$name.country") ;; esac
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
		[ -n "$ssid" ] || continue
		if [ -z "$security" ]; then
			warn "the Wi-Fi network $ssid is open, or protected in a way that tetherd has not, and was not taken over"
			continue
		fi
		case " $(uci -q get "wireless.$name.network") " in
		*' lan '*) ;;
		*)
			warn "the Wi-Fi network $ssid does not lead into the LAN and was not taken over"
			continue
			;;
		esac
		# One network on several radios is one section with us.
		case $taken in *"
$ssid
"*) continue ;; esac
		say 'config network'
		option ssid "$ssid"
		option passphrase "$(uci -q get "wireless.$name.key")"
		option security "$security"
		[ "$(uci -q get "wireless.$name.hidden")" = 1 ] && option hidden 1
		[ "$(uci -q get "wireless.$name.isolate")" = 1 ] && option isolate 1
		keep "the Wi-Fi network $ssid" && taken="$taken$ssid
"
	done
	[ -n "$on" ] && off=''
	[ "$country" = 00 ] && country='' # the world is no country
	[ -n "$country$off" ] || return 0
	say "config wifi 'wifi'"
	option country "$country"
	[ -n "$off" ] && option enabled 0
	keep 'the country of Wi-Fi' || [ -z "$off" ] || {
		say "config wifi 'wifi'"
		option enabled 0
		keep 'that Wi-Fi is off'
	}
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

# take_over writes the configuration from what the system says. It fails when the LAN is
# none for tetherd: then nobody could reach the router any more.
take_over() {
	untouched || return 0
	cp -p "$CONFIG" "$STATE/new" || return 1
	part=''
	if ! take_lan; then
		rm "$STATE/new"
		return 1
	fi
	take_bearers
	take_wifi
	chmod 600 "$STATE/new"
	put "$CONFIG"
}

# await_radios waits until netifd has let go of the radios: it answers the reload first,
# and its scripts delete the interfaces that a radio has afterwards, those of others too.
# It tells nothing where it does not run yet.
await_radios() {
	seconds=30
	while [ "$seconds" -gt 0 ] && ubus call network.wireless status 2>/dev/null | grep -qE '"(up|pending)": true'; do
		sleep 1
		seconds=$((seconds - 1))
	done
}

take() {
	mkdir -p "$STATE"
	chmod 700 "$STATE"
	# An upgrade keeps the note, and with it what was taken over.
	if [ ! -e "$NOTE" ]; then
		if ! take_over; then
			warn "the router stays as it is, without tetherd: change its LAN, then $0 take && /etc/init.d/tetherd start"
			return 0
		fi
		# A factory reset goes back to what is there now.
		[ -e "$STATE/factory" ] || { cp -p "$CONFIG" "$STATE/new" && put "$STATE/factory"; }
		sync
		: >"$NOTE"
	fi
	set_aside
	# At the first start of an image netifd does not run yet, and reads this when it does.
	"$ROOT/etc/init.d/network" reload || true
	await_radios
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
