package config

import (
	"strings"
	"testing"
)

// What depends on more than one option. The faults are those of file "f", each
// without the name.
func TestChecks(t *testing.T) {
	host := func(name, mac, addr string) string {
		return "config host\noption name '" + name + "'\noption mac " + mac + "\noption ip " + addr + "\n"
	}
	const lan = "config lan 'lan'\noption address 192.168.7.1/24\n"
	const m1, m2 = "02:00:00:00:00:01", "02:00:00:00:00:02"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"guests on the LAN's bridge": {
			"config guest\noption bridge br-tether\n",
			[]string{":2: section '@guest[0]' option 'bridge': is the LAN's bridge"},
		},
		"guests on a port of the LAN": {
			"config lan\nlist port eth0\nconfig guest\nlist port eth1\nlist port eth0\n",
			[]string{":5: section '@guest[0]' option 'port': is a port of the LAN or a bridge itself"},
		},
		"guests' bridge as a port of the LAN": {
			"config lan\nlist port br-guest\n",
			[]string{": section 'guest' option 'bridge': is a port of the LAN"},
		},
		"guests in the LAN's subnet": {
			lan + "config guest\noption address 192.168.7.129/25\n",
			[]string{":4: section '@guest[0]' option 'address': is in the LAN's subnet"},
		},
		"channel of the other band": {
			"config radio\noption band 5\noption channel 6\nconfig radio\noption interface wlan1\noption band 2.4\noption channel 36\n",
			[]string{
				":3: section '@radio[0]' option 'channel': is not in the 5 GHz band, whose channels are 36 to 177",
				":7: section '@radio[1]' option 'channel': is not in the 2.4 GHz band, whose channels are 1 to 14",
			},
		},
		"channel of no band": {
			"config radio\noption channel 15\n",
			[]string{":2: section '@radio[0]' option 'channel': must be 1 to 14 (2.4 GHz) or 36 to 177 (5 GHz)"},
		},
		"channel in words": {
			"config radio\noption channel high\n",
			[]string{":2: section '@radio[0]' option 'channel': must be a whole number from 1 to 177 or 'auto'"},
		},
		"a radio with the name of another one's guests": {
			"config radio\noption interface wlan0_1\nconfig radio\noption interface wlan0\nconfig radio\noption interface wlan0_8\n",
			[]string{":2: section '@radio[0]' option 'interface': is the name of another radio's network"},
		},
		"a radio with the name of another one's eighth network": {
			"config radio\noption interface wlan0\nconfig radio\noption interface wlan0_7\nconfig radio\noption interface wlan0_x\n",
			[]string{":4: section '@radio[1]' option 'interface': is the name of another radio's network"},
		},
		"radio twice": {
			"config radio\noption interface wlan0\nconfig radio\noption interface wlan0\n",
			[]string{":4: section '@radio[1]' option 'interface': is the same as in a section above; one section may do without, for all other radios"},
		},
		"two radios for all others": {
			"config radio\nconfig radio\n",
			[]string{":2: section '@radio[1]' option 'interface': is the same as in a section above; one section may do without, for all other radios"},
		},
		"network on a radio that is not used": {
			"config radio\noption interface wlan0\nconfig network\nlist radio wlan0\nlist radio wlan1\n",
			[]string{":5: section '@network[0]' option 'radio': names an interface that no section 'radio' names"},
		},
		"network on one of the others": {"config radio\noption interface wlan0\nconfig radio\nconfig network\nlist radio wlan1\n", nil},
		"short passphrase": {
			"config network\noption passphrase 1234567\n",
			[]string{":2: section '@network[0]' option 'passphrase': the passphrase has 7 characters, 8 to 63 are possible"},
		},
		"a key with WPA3": {
			"config network\noption passphrase " + strings.Repeat("0f", 32) + "\n",
			[]string{":2: section '@network[0]' option 'passphrase': 64 hex digits are a key, which WPA3 cannot use: name a passphrase"},
		},
		"a key with WPA2": {"config network\noption security wpa2\noption passphrase " + strings.Repeat("0f", 32) + "\n", nil},
		"name that is too long": {
			"config network\noption ssid " + strings.Repeat("x", 33) + "\n",
			[]string{":2: section '@network[0]' option 'ssid': the name has 33 octets, at most 32 are possible"},
		},
		"country of three letters": {
			"config wifi\noption country deu\n",
			[]string{":2: section '@wifi[0]' option 'country': must be the two letters of a country (ISO 3166-1), such as 'DE'"},
		},
		"blocked twice": {
			"config block\noption mac " + m1 + "\nconfig block\noption mac " + m1 + "\n",
			[]string{":4: section '@block[1]' option 'mac': is blocked above already"},
		},
		"pool up to the last host": {"config dhcp\noption start 1\noption limit 254\n", nil},
		"pool beyond an auto subnet": {
			"config dhcp\noption start 1\noption limit 255\n",
			[]string{":3: section '@dhcp[0]' option 'limit': the pool of hosts 1 to 255 does not fit the LAN's /24 with hosts 1 to 254"},
		},
		"bridge as its own port": {
			"config lan\noption bridge br0\nlist port eth0\nlist port br0\n",
			[]string{":4: section '@lan[0]' option 'port': the bridge cannot be a port of itself"},
		},
		"default bridge as port": {
			"config lan\nlist port br-tether\n",
			[]string{":2: section '@lan[0]' option 'port': the bridge cannot be a port of itself"},
		},
		"port twice": {
			"config lan\nlist port eth0\nlist port eth0\n",
			[]string{":3: section '@lan[0]' option 'port': the same value is listed twice"},
		},
		"port as option and list": {
			"config lan\noption port eth0\nlist port eth1\n",
			[]string{":3: section '@lan[0]' option 'port': is given twice, first in line 2"},
		},
		"same server in two forms": {
			"config dns\nlist fallback 2001:db8::1\nlist fallback 2001:DB8:0::1\n",
			[]string{":3: section '@dns[0]' option 'fallback': the same value is listed twice"},
		},
		"nine servers": {
			"config dns\n" + numbered(9, "list fallback 9.9.9."),
			[]string{":10: section '@dns[0]' option 'fallback': more than 8 values"},
		},

		"pool in a large subnet": {"config lan\noption address 10.0.0.1/8\nconfig dhcp\noption start 16773119\noption limit 4096\n", nil},
		"pool beyond a large one": {
			"config lan\noption address 10.0.0.1/8\nconfig dhcp\noption start 16773120\noption limit 4096\n",
			[]string{":5: section '@dhcp[0]' option 'limit': the pool of hosts 16773120 to 16777215 does not fit the LAN's /8 with hosts 1 to 16777214"},
		},
		"default pool, small LAN": {
			"config lan\noption address 10.0.0.1/25\n",
			[]string{": section 'dhcp' option 'limit': the pool of hosts 100 to 249 does not fit the LAN's /25 with hosts 1 to 126"},
		},
		"start beyond the LAN": {
			"config lan\noption address 10.0.0.1/30\nconfig dhcp\noption limit 1\n",
			[]string{":3: section '@dhcp[0]' option 'start': the pool of hosts 100 to 100 does not fit the LAN's /30 with hosts 1 to 2"},
		},
		"no pool, small LAN": {"config lan\noption address 10.0.0.1/30\nconfig dhcp\noption enabled 0\n", nil},
		"faulty address, pool": {
			"config lan\noption address 10.0.0.0/25\nconfig dhcp\noption limit 4000\n",
			[]string{":2: section '@lan[0]' option 'address': must be"},
		},
		"faulty start, long limit": {
			"config dhcp\noption start x\noption limit 200\n",
			[]string{":2: section '@dhcp[0]' option 'start': must be"},
		},

		"two hosts":           {lan + host("a", m1, "192.168.7.2") + host("b", m2, "192.168.7.254"), nil},
		"hosts without names": {lan + host("", m1, "192.168.7.2") + host("", m2, "192.168.7.3"), nil},
		"same MAC in two forms": {
			lan + host("a", m1, "192.168.7.2") + host("b", "02-00-00-00-00-01", "192.168.7.3"),
			[]string{":9: section '@host[1]' option 'mac': is the same as in line 5"},
		},
		"same address": {
			lan + host("a", m1, "192.168.7.2") + host("b", m2, "192.168.7.2"),
			[]string{":10: section '@host[1]' option 'ip': is the same as in line 6"},
		},
		"same name": {
			lan + host("a", m1, "192.168.7.2") + host("A", m2, "192.168.7.3"),
			[]string{":8: section '@host[1]' option 'name': is the same as in line 4"},
		},
		"all the same": {
			lan + host("a", m1, "192.168.7.2") + host("a", m1, "192.168.7.2"),
			[]string{":8: ", ":9: ", ":10: "},
		},
		"gateway's address": {
			lan + host("a", m1, "192.168.7.1"),
			[]string{":6: section '@host[0]' option 'ip': is the gateway's own address"},
		},
		"broadcast address": {
			lan + host("a", m1, "192.168.7.255"),
			[]string{":6: section '@host[0]' option 'ip': is not a host address of the LAN's subnet"},
		},
		"network address": {
			lan + host("a", m1, "192.168.7.0"),
			[]string{":6: section '@host[0]' option 'ip': is not a host address of the LAN's subnet"},
		},
		"foreign address": {
			lan + host("a", m1, "192.168.8.2"),
			[]string{":6: section '@host[0]' option 'ip': is not a host address of the LAN's subnet"},
		},
		"host in an auto subnet": {
			host("a", m1, "192.168.7.2"),
			[]string{":4: section '@host[0]' option 'ip': needs a LAN with a fixed subnet: set option 'address' of section 'lan'"},
		},
		"host with a faulty LAN": {
			"config lan\noption address x\n" + host("a", m1, "192.168.7.2"),
			[]string{":2: section '@lan[0]' option 'address': must be"},
		},
		"host before the LAN": {host("a", m1, "192.168.7.2") + lan, nil},
		"host that lacks the MAC": {
			lan + "config host 'h'\noption ip 192.168.7.9\nconfig host\noption mac " + m1 + "\n",
			[]string{":3: section 'h' option 'mac': the option is missing", ":5: section '@host[1]' option 'ip': the option is missing, and so is the name"},
		},
		"host with a name alone": {"config host\noption mac " + m1 + "\noption name tv\n", nil},
		"target without a page": {
			"config target\noption status 200\n",
			[]string{":1: section '@target[0]' option 'url': the option is missing"},
		},
		"apn with an empty name": {"config apn\noption apn ''\n", nil},
		"empty, then given": {
			"config apn\noption apn ''\noption apn a\n",
			[]string{":3: section '@apn[0]' option 'apn': is given twice, first in line 2"},
		},
		"one name for two": {
			"config lan 'home'\nconfig dns 'home'\n",
			[]string{":2: section 'home': the name is taken by the section in line 1"},
		},
		"any name for one": {"config lan 'home'\nconfig apn 'work'\noption apn a\n", nil},
		"own name for another": {
			"config apn 'main'\noption apn a\n",
			[]string{":1: section 'main': the name is kept for the section of type 'tetherd'"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.text))
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			for i := range max(len(got), len(c.want)) {
				if len(got) != len(c.want) || !strings.HasPrefix(got[i], "f"+c.want[i]) {
					t.Fatalf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

func numbered(n int, line string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line + string(rune('1'+i)) + "\n")
	}
	return b.String()
}
