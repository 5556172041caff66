package api

import (
	"encoding/json"
	"time"

	"github.com/tetherd/tetherd/hostapd"
	"github.com/tetherd/tetherd/provision/document"
)

// Verbs is the table of everything that a gateway can be asked or told.
func Verbs() []Verb {
	name := Arg{Name: "name", Type: Text, Needed: true, Min: 1, Max: 32, Help: "name of the token"}
	dry := Arg{Name: "dry", Type: Boolean, Help: "tell what it would do, and do nothing"}
	revision := Arg{Name: "revision", Type: Text, Max: 64, Help: "what the change was made from, so that nobody's change is lost"}
	id := Arg{Name: "id", Type: Text, Max: 32, Help: "the change that is meant; else the one under way"}
	text := Arg{Name: "text", Type: Text, Needed: true, Max: maxConfig, File: true, Help: "a whole configuration file in UCI syntax"}
	mac := Arg{Name: "mac", Type: Text, Needed: true, Min: 17, Max: 17, Help: "hardware address of the device, such as 02:00:5e:10:00:01"}
	act := Arg{Name: "id", Type: Text, Max: 32, Help: "of the act, which is done once; else one is made"}
	paper := []Arg{
		{Name: "text", Type: Text, Needed: true, Max: document.MaxBytes, File: true, Help: "the document, byte by byte: CarrierControl XML or tetherd's JSON"},
		{Name: "signature", Type: Text, Max: 256, Help: "its detached Ed25519 signature in base64"},
	}
	return []Verb{
		{Name: "status", Kind: Look, Scope: Public, Help: "the state of the gateway; without the scope read, its public part", Gives: (*Document)(nil), run: (*Server).status},
		{Name: "events", Kind: Stream, Scope: Public, Help: "the state, again with every change"},
		{Name: "clients", Kind: Look, Scope: Read, Help: "the devices with a lease, and those on Wi-Fi without one", Gives: (*ClientList)(nil), run: (*Server).clients},
		{Name: "wifi", Kind: Look, Scope: Settings, Help: "how to join the Wi-Fi networks, with their passphrases", Gives: (*Access)(nil), run: (*Server).wifi},
		{Name: "doctor", Kind: Look, Scope: Read, Help: "what is wrong, why, and what is done about it", Gives: (*Doctor)(nil), run: (*Server).doctor},
		{Name: "doctor record", Kind: Look, Scope: Read, Help: "what the last diagnosis was made from, without secrets and identifiers", Gives: (*json.RawMessage)(nil), run: (*Server).record},
		{Name: "access points", Kind: Look, Scope: Read, Help: "the access points for the SIM, in the order to try", Gives: (*AccessPoints)(nil), run: (*Server).accessPoints},
		{Name: "plan", Kind: Look, Scope: Settings, Body: true, Help: "what would be done with a configuration, and why", Args: []Arg{text}, Gives: (*Plan)(nil), run: (*Server).plan},
		{Name: "check", Kind: Look, Scope: Read, Body: true, Help: "every fault of a configuration", Args: []Arg{text}, Gives: (*Checked)(nil), run: (*Server).check},
		{Name: "config get", Kind: Look, Scope: Read, Help: "every setting", Args: []Arg{
			{Name: "secrets", Type: Boolean, Help: "with passwords and PIN, which needs the scope settings"},
		}, Gives: (*SettingsView)(nil), run: (*Server).configGet},
		{Name: "config set", Kind: Trial, Scope: Settings, Help: "change settings", Args: []Arg{
			{Name: "changes", Type: List, Needed: true, Min: 2, Max: 2048, Items: 256, Help: "SECTION.OPTION=VALUE, repeated for a list, empty for the default; NAME=TYPE makes a section, NAME= removes it; @TYPE[0] is the first of several, TYPE alone one more"},
			revision, dry,
		}, Gives: (*Change)(nil), run: (*Server).configSet},
		{Name: "config confirm", Kind: Act, Scope: Settings, Help: "keep the change that is on trial", Args: []Arg{id}, Gives: (*Nothing)(nil), run: (*Server).configConfirm},
		{Name: "config revert", Kind: Act, Scope: Settings, Help: "undo the change that is on trial", Args: []Arg{id}, Gives: (*Nothing)(nil), run: (*Server).configRevert},
		{Name: "backup", Kind: Look, Scope: Admin, Help: "the configuration with its secrets, to be restored", Gives: (*Backup)(nil), run: (*Server).backup},
		{Name: "restore", Kind: Trial, Scope: Admin, Help: "replace the whole configuration", Args: []Arg{text, revision, dry}, Gives: (*Change)(nil), run: (*Server).restore},
		{Name: "share", Kind: Trial, Scope: Settings, Help: "share the connection, or not", Args: []Arg{
			{Name: "on", Type: Boolean, Needed: true, Help: "on or off"}, dry,
		}, Gives: (*Change)(nil), run: (*Server).share},
		{Name: "connect", Kind: Trial, Scope: Settings, Help: "use the modem", Args: []Arg{dry}, Gives: (*Change)(nil), run: (*Server).connect},
		{Name: "disconnect", Kind: Trial, Scope: Settings, Help: "leave the modem alone", Args: []Arg{dry}, Gives: (*Change)(nil), run: (*Server).disconnect},
		{Name: "redial", Kind: Act, Scope: Settings, Help: "hang up and try the access points from the first", Gives: (*Nothing)(nil), run: (*Server).redial},
		{Name: "place free", Kind: Act, Scope: Settings, Help: "take a device's place among those with Internet away, so that another may have it; it may have one again after a minute", Args: []Arg{
			mac,
			act,
		}, Gives: (*Nothing)(nil), run: (*Server).placeFree},
		{Name: "apn choose", Kind: Trial, Scope: Settings, Help: "try this access point before all others", Args: []Arg{
			{Name: "apn", Type: Text, Needed: true, Max: 100, Help: "its name; empty leaves the choice to the gateway"},
			{Name: "network", Type: Boolean, Help: "with an empty name: the one that the network chooses"},
			{Name: "user", Type: Text, Max: 255, Help: "for the operator's login"},
			{Name: "password", Type: Text, Max: 255, Secret: true, Help: "for the operator's login"},
			{Name: "auth", Type: Text, Max: 8, OneOf: []string{"auto", "none", "pap", "chap"}, Help: "how to log in"},
			{Name: "family", Type: Text, Max: 8, OneOf: []string{"auto", "ipv4v6", "ipv4", "ipv6"}, Help: "addresses to ask for"},
			dry,
		}, Gives: (*Change)(nil), run: (*Server).chooseAPN},
		{Name: "sim pin", Kind: Act, Scope: SIM, Help: "enter the SIM's PIN; kept in the settings once the SIM takes it", Args: []Arg{
			{Name: "pin", Type: Text, Needed: true, Min: 4, Max: 8, Secret: true, Help: "4 to 8 digits"},
		}, Gives: (*Nothing)(nil), run: (*Server).simPIN},
		{Name: "kick", Kind: Act, Scope: Settings, Help: "disconnect a device from Wi-Fi; it may come back", Args: []Arg{
			mac,
			{Name: "ban", Type: Integer, Max: int(hostapd.MaxBan / time.Second), Help: "seconds in which it may not; else none"},
			act,
		}, Gives: (*Nothing)(nil), run: (*Server).kick},
		{Name: "block", Kind: Trial, Scope: Settings, Help: "give a device no Internet, and let it join no Wi-Fi network", Args: []Arg{mac, dry}, Gives: (*Change)(nil), run: (*Server).block},
		{Name: "unblock", Kind: Trial, Scope: Settings, Help: "let a device in again", Args: []Arg{mac, dry}, Gives: (*Change)(nil), run: (*Server).unblock},
		{Name: "provision show", Kind: Look, Scope: Read, Help: "operators' documents, and what became of each element", Gives: (*Provisioning)(nil), run: (*Server).provisionShow},
		{Name: "provision check", Kind: Look, Scope: Papers, Body: true, Help: "what would become of an operator's document", Args: paper, Gives: (*Verdict)(nil), run: (*Server).provisionCheck},
		{Name: "provision apply", Kind: Act, Scope: Papers, Help: "put an operator's document into force; undone by itself unless it proves good", Args: paper, Gives: (*Verdict)(nil), run: (*Server).provisionApply},
		{Name: "provision confirm", Kind: Act, Scope: Papers, Help: "keep the document that is on trial", Args: []Arg{id}, Gives: (*Provisioning)(nil), run: (*Server).provisionConfirm},
		{Name: "provision revert", Kind: Act, Scope: Papers, Help: "undo the document on trial, or go back to the documents before", Args: []Arg{
			{Name: "id", Type: Text, Max: 32, Help: "the trial that is meant, and nothing else"},
		}, Gives: (*Provisioning)(nil), run: (*Server).provisionRevert},
		{Name: "provision refresh", Kind: Act, Scope: Papers, Help: "ask the operator's servers now", Gives: (*Provisioning)(nil), run: (*Server).provisionRefresh},
		{Name: "provision buy", Kind: Act, Scope: Papers, Help: "send clients where a plan is bought, or back", Args: []Arg{
			{Name: "on", Type: Boolean, Needed: true, Help: "on or off"},
		}, Gives: (*Provisioning)(nil), run: (*Server).provisionBuy},
		{Name: "log", Kind: Look, Scope: Read, Help: "the last lines of the log", Gives: (*LogText)(nil), run: (*Server).log},
		{Name: "audit", Kind: Look, Scope: Settings, Help: "who changed what, the newest first", Gives: (*Deeds)(nil), run: (*Server).audited},
		{Name: "support", Kind: Look, Scope: Read, Help: "state, settings and log for somebody who helps, without secrets and identifiers", Gives: (*Support)(nil), run: (*Server).support},
		{Name: "password", Kind: Act, Scope: Admin, Help: "choose the password of the page", Args: []Arg{
			{Name: "new", Type: Text, Needed: true, Min: minPassword, Max: maxPassword, Secret: true, Help: "the new one"},
			{Name: "old", Type: Text, Max: maxPassword, Secret: true, Help: "the present one, which is not needed on the machine itself"},
		}, Gives: (*Nothing)(nil), run: (*Server).password},
		{Name: "token add", Kind: Act, Scope: Admin, Help: "make a token for a program", Args: []Arg{
			name,
			{Name: "scopes", Type: List, Needed: true, Min: 1, Max: 16, Items: 5, OneOf: []string{string(Read), string(Settings), string(SIM), string(Papers), string(Admin)}, Help: "what it may"},
		}, Gives: (*TokenDoc)(nil), run: (*Server).tokenAdd},
		{Name: "token list", Kind: Look, Scope: Admin, Help: "the tokens of programs", Gives: (*TokenList)(nil), run: (*Server).tokenList},
		{Name: "token remove", Kind: Act, Scope: Admin, Help: "take a token back", Args: []Arg{name}, Gives: (*Nothing)(nil), run: (*Server).tokenRemove},
		{Name: "restart", Kind: Act, Scope: Admin, Help: "start the program again; connections go on", Gives: (*Nothing)(nil), run: (*Server).restart},
		{Name: "factory reset", Kind: Act, Scope: Admin, Help: "forget all settings, passwords and what was learned, and start again", Args: []Arg{
			{Name: "sure", Type: Text, Needed: true, Min: 3, Max: 3, OneOf: []string{"yes"}, Help: "yes"},
		}, Gives: (*Nothing)(nil), run: (*Server).reset},
	}
}
