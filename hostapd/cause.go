package hostapd

import "strings"

// remedy is what of a failure we can act on ourselves.
type remedy int

const (
	remedyWait    remedy = iota // try again later
	remedyNone                  // the same settings will fail again
	remedyACS                   // choose the channel ourselves
	remedyRadar                 // keep clear of channels with radar
	remedyChannel               // another channel
	remedySAE                   // without WPA3
	remedyAX                    // without 802.11ax
	remedyAC                    // without 802.11ac
	remedyFewer                 // one network less
)

// cause is why hostapd ended or does not transmit.
type cause struct {
	sentence string
	remedy   remedy
}

func (c cause) Error() string { return c.sentence }

// known maps what hostapd prints to what a person should read, more telling lines
// first: the last lines of a failure are the same for all.
var known = []struct {
	line string // part of a line
	cause
}{
	{"invalid key_mgmt 'SAE'", cause{"hostapd is built without WPA3", remedySAE}},
	{"unknown configuration item 'sae_", cause{"hostapd is built without WPA3", remedySAE}},
	{"unknown configuration item 'ieee80211ax'", cause{"hostapd is built without 802.11ax, which the radio has", remedyAX}},
	{"unknown configuration item 'ieee80211ac'", cause{"hostapd is built without 802.11ac, which the radio has", remedyAC}},
	{"RF-kill", cause{"the radio is switched off (rfkill)", remedyWait}},
	{"rfkill: WLAN soft blocked", cause{"the radio is switched off by software (rfkill)", remedyWait}},
	{"rfkill: WLAN hard blocked", cause{"the radio is switched off by its switch (rfkill)", remedyWait}},
	{"Match already configured", cause{"another program runs an access point or a client on this radio", remedyWait}},
	{"ctrl_iface exists and seems to be in use", cause{"another hostapd of ours still runs on this radio", remedyWait}},
	{"ACS was disabled on your build", cause{"the radio could not choose a channel by itself", remedyACS}},
	{"ACS: Failed to request initial scan", cause{"the radio could not choose a channel by itself", remedyACS}},
	{"ACS: Unable to collect survey data", cause{"the radio could not choose a channel by itself", remedyACS}},
	{"ACS: Possibly channel configuration is invalid", cause{"the radio could not choose a channel by itself", remedyACS}},
	{"ACS-FAILED", cause{"the radio could not choose a channel by itself", remedyACS}},
	{"DFS chan_idx seems wrong", cause{"the channel cannot be checked for radar", remedyRadar}},
	{"no DFS channels left", cause{"radar was heard on every channel", remedyRadar}},
	{"not allowed for AP mode", cause{"the channel may not be used by an access point", remedyChannel}},
	{"not found from the channel list", cause{"the radio does not have the channel", remedyChannel}},
	{"Hardware does not support configured channel", cause{"the radio does not have the channel", remedyChannel}},
	{"Hardware does not support configured mode", cause{"the radio does not have the band", remedyNone}},
	{"Driver does not support configured", cause{"the radio's driver refuses what it had listed as possible", remedyNone}},
	{"Cannot enable IEEE 802.11d without", cause{"the country is not set", remedyNone}},
	{"Failed to set country code", cause{"the country could not be set", remedyWait}},
	{"No such device", cause{"the radio is gone", remedyWait}},
	{"Could not read interface", cause{"the radio is gone", remedyWait}},
	{"into bridge", cause{"the radio could not be joined to its bridge", remedyWait}},
	{"Failed to add BSS", cause{"the radio could not carry another network", remedyFewer}},
	{"Failed to set beacon parameters", cause{"the radio's driver refused to transmit", remedyWait}},
	{"nl80211 driver initialization failed", cause{"the radio's driver could not be opened", remedyWait}},
	{"out of memory", cause{"out of memory", remedyWait}},
}

// diagnose finds the cause in hostapd's last lines. They hold no passphrase: hostapd
// does not print any.
func diagnose(output []string, ended string) cause {
	for _, k := range known {
		for _, line := range output {
			if strings.Contains(line, k.line) {
				return k.cause
			}
		}
	}
	for _, line := range output {
		if strings.HasPrefix(line, "Line ") || strings.Contains(line, "errors found in configuration file") {
			return cause{"hostapd refuses its file: " + line, remedyNone}
		}
	}
	return cause{"hostapd ended: " + ended, remedyWait}
}
