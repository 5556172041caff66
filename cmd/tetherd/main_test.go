package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/plan"
)

// What the test binary is when it runs itself.
const (
	inNamespace = "TETHERD_TEST_NAMESPACE" // the tests, in a network namespace of their own
	asCommand   = "TETHERD_TEST_COMMAND"   // the command itself
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asCommand) != "":
		main()
	case os.Getenv(inNamespace) != "":
		os.Exit(m.Run())
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if err := cmd.Run(); cmd.ProcessState == nil {
		os.Stderr.WriteString("these tests need root and network namespaces: " + err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// call runs the command in-process.
func call(args ...string) (code int, out, complaints string) {
	var o, c strings.Builder
	code = dispatch(args, &o, &c)
	return code, o.String(), c.String()
}

// file writes a file of the test's own.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// faulty has one fault in each of three lines.
const faulty = "config lan\n\toption adress '1'\nconfig dchp\nconfig modem\n\toption pin '12'\n"

// TestExitCodes: wrong input of every command ends with its code and with a line that
// says what was wrong; nothing of it is on standard output.
func TestExitCodes(t *testing.T) {
	bad, gone := file(t, "bad", faulty+"config tetherd\n\toption state_dir '"+t.TempDir()+"'\n"), filepath.Join(t.TempDir(), "gone")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"", exitUsage, "usage: tetherd COMMAND"},
		{"nope", exitUsage, `there is no command "nope"`},
		{"--config x", exitUsage, `there is no command "--config"`},
		{"run -x", exitUsage, "not defined: -x"},
		{"run extra", exitUsage, `"extra" is one argument too many`},
		{"run --config " + bad, exitConfig, bad + ":2: section '@lan[0]' option 'adress'"},
		{"run --config " + gone, exitConfig, "no such file"},
		{"status extra", exitUsage, "one argument too many"},
		{"status --follow=perhaps", exitUsage, "invalid boolean"},
		{"status --socket " + gone, exitDown, "no tetherd answers on " + gone},
		{"wifi --socket " + gone, exitDown, "no tetherd answers on " + gone},
		{"wifi extra", exitUsage, "one argument too many"},
		{"status --json --follow --socket " + gone, exitDown, "'tetherd run' starts one"},
		{"doctor extra", exitUsage, "one argument too many"},
		{"doctor --watch --socket " + gone, exitDown, "no tetherd answers on " + gone},
		{"doctor --record --socket " + gone, exitDown, "'tetherd run' starts one"},
		{"plan extra", exitUsage, "one argument too many"},
		{"plan --config " + bad, exitConfig, "did you mean 'dhcp'?"},
		{"plan --config " + gone, exitConfig, "no such file"},
		{"check " + bad + " " + bad, exitUsage, "one argument too many"},
		{"check --strict", exitUsage, "not defined: -strict"},
		{"check " + gone, exitConfig, "no such file"},
		{"apn", exitUsage, "of which SIM?"},
		{"apn 12", exitUsage, "neither an MCC and MNC of 5 or 6 digits nor an IMSI"},
		{"apn 26201x", exitUsage, "neither"},
		{"apn 1234567890123456", exitUsage, "neither"},
		{"apn 26201 26202", exitUsage, `"26202" is one argument too many`},
		{"apn 26201 --spn", exitUsage, "flag needs an argument: -spn"},
		{"version extra", exitUsage, "one argument too many"},
	} {
		code, out, complaints := call(strings.Fields(c.args)...)
		if code != c.code || out != "" || !strings.Contains(complaints, c.says) {
			t.Errorf("tetherd %s: exit %d, out %q, complaints %q", c.args, code, out, complaints)
		}
		if first, _, _ := strings.Cut(c.args, " "); c.code == exitUsage && first != "" && first != "nope" && first[0] != '-' {
			if !strings.HasSuffix(complaints, "tetherd "+first+" -h shows how to use it.\n") || strings.Count(complaints, "\n") != 2 {
				t.Errorf("tetherd %s complains %q", c.args, complaints)
			}
		}
	}
}

// TestHelp: asking for help is no error, and every command explains itself.
func TestHelp(t *testing.T) {
	for _, ask := range []string{"help", "-h", "--help"} {
		code, out, complaints := call(ask)
		if code != exitOK || complaints != "" {
			t.Errorf("%s: exit %d, %q", ask, code, complaints)
		}
		for _, c := range commands() {
			if !strings.Contains(out, "  "+c.name+" ") || !strings.Contains(out, c.help) {
				t.Errorf("%s does not list %s", ask, c.name)
			}
			code, out, complaints := call(c.name, ask)
			if ask == "help" {
				continue
			}
			if code != exitOK || complaints != "" || !strings.HasPrefix(out, "usage: tetherd "+c.name) || !strings.Contains(out, c.help) {
				t.Errorf("%s %s: exit %d, %q, %q", c.name, ask, code, out, complaints)
			}
		}
	}
}

// TestCheck: every fault is told, each as FILE:LINE, and an empty file has none.
func TestCheck(t *testing.T) {
	bad, good := file(t, "bad", faulty), file(t, "good", "")
	code, _, complaints := call("check", bad)
	lines := strings.Split(strings.TrimSpace(complaints), "\n")
	if code != exitConfig || len(lines) != 3 {
		t.Fatalf("exit %d, %q", code, lines)
	}
	for i, want := range []string{":2: ", ":3: ", ":5: "} {
		if !strings.HasPrefix(lines[i], bad+want) {
			t.Errorf("fault %d is %q", i, lines[i])
		}
	}
	if strings.Contains(complaints, "'12'") {
		t.Error("the wrong PIN is told")
	}
	if code, out, _ := call("check", good); code != exitOK || out != good+": no faults\n" {
		t.Errorf("exit %d, %q", code, out)
	}
}

// TestAPN: the candidates of a SIM, in order, for people and for programs.
func TestAPN(t *testing.T) {
	code, out, complaints := call("apn", "26201")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitOK || complaints != "" || len(lines) < 3 {
		t.Fatalf("exit %d, %q, %q", code, out, complaints)
	}
	if strings.Join(strings.Fields(lines[0]), " ") != "# APN FAMILIES USER NAME WHY" || !strings.HasPrefix(lines[1], "1  (empty) ") ||
		!strings.Contains(lines[2], "internet.telekom") || !strings.HasSuffix(lines[2], "listed for 26201") {
		t.Errorf("the list is\n%s", out)
	}
	_, byIMSI, _ := call("apn", "262010000012345")
	if byIMSI != out {
		t.Errorf("by IMSI the list is\n%s", byIMSI)
	}
	if strings.Contains(byIMSI, "262010000012345") {
		t.Error("the IMSI is shown")
	}

	_, text, _ := call("apn", "--json", "26201")
	var list []api.Candidate
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil || len(list) != len(lines)-1 {
		t.Fatalf("%d candidates, %v", len(list), err)
	}
	if c := list[1]; c.APN != "internet.telekom" || c.User != "telekom" || c.Source != "table" || len(c.Families) == 0 || c.Why == "" {
		t.Errorf("the second is %+v", c)
	}
}

// TestAPNOrderOfArguments: flags stand before or behind the SIM.
func TestAPNOrderOfArguments(t *testing.T) {
	_, want, _ := call("apn", "310260", "--spn", "Mint", "--json")
	if !strings.HasPrefix(want, "[{") {
		t.Fatalf("the list is %q", want)
	}
	for _, args := range [][]string{
		{"--spn", "Mint", "310260", "--json"},
		{"--json", "--spn=Mint", "310260"},
		{"-json", "310260", "-spn", "Mint"},
	} {
		if code, out, complaints := call(append([]string{"apn"}, args...)...); code != exitOK || out != want {
			t.Errorf("%q: exit %d, %q", args, code, complaints)
		}
	}
}

// TestAPNKeys: what the SIM tells besides its network changes the list; case of the
// hex does not.
func TestAPNKeys(t *testing.T) {
	list := func(args ...string) string {
		_, out, _ := call(append([]string{"apn"}, args...)...)
		return out
	}
	if list("310260") == list("310260", "--gid1", "6D38") { // Metro by T-Mobile
		t.Error("the group identifier changes nothing")
	}
	if list("310260", "--gid1", "6d38") != list("310260", "--gid1", "6D38") {
		t.Error("the group identifier's case matters")
	}
	if got := list("00101"); !strings.Contains(got, "The table knows no access point of the network 00101.") {
		t.Errorf("an unknown network:\n%s", got)
	}
}

// made is a made-up root without any modem.
func made(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"sys/class", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// settings is a config that keeps everything in the test's own folders.
func settings(t *testing.T, more string) (path, socket string) {
	t.Helper()
	dir := t.TempDir()
	socket = filepath.Join(dir, "sock")
	text := "config tetherd\n\toption state_dir '" + dir + "/state'\n\toption run_dir '" + dir + "/run'\n" +
		"config api\n\toption socket '" + socket + "'\n" + more
	return file(t, "config", text), socket
}

// TestPlan: what would be done and why, and nothing is done.
func TestPlan(t *testing.T) {
	path, _ := settings(t, "")
	code, out, complaints := call("plan", "--config", path, "--root", made(t))
	if code != exitOK || complaints != "" {
		t.Fatalf("exit %d, %q", code, complaints)
	}
	for _, want := range []string{"No tetherd answers here. One that is started now would do first:\nnat\n", "the SIM is not known here", "link\n", "dhcp\n", "dns\n", "modem\n", "lan address 192.168.97.1/24: the first choice"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if left := traces(t); left != "" {
		t.Errorf("plan left\n%s", left)
	}

	_, text, _ := call("plan", "--json", "--config", path, "--root", made(t))
	var d api.Plan
	if err := json.Unmarshal([]byte(text), &d); err != nil || len(d.Steps) != 5 || d.Steps[0].Part != plan.NAT || len(d.Steps[0].Why) == 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if len(d.Why) != 1 || d.Why[0].What != "lan address" || !strings.HasPrefix(d.Ruleset, "table inet tetherd") {
		t.Errorf("why %+v, ruleset %.40q", d.Why, d.Ruleset)
	}
}

// traces is what tetherd has in this namespace.
func traces(t *testing.T) string {
	t.Helper()
	var found []string
	for _, args := range [][]string{{"nft", "list", "tables"}, {"ip", "-o", "link"}, {"ip", "rule"}, {"ip", "route", "show", "table", "all"}} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "tether") || strings.Contains(line, "97") {
				found = append(found, line)
			}
		}
	}
	return strings.Join(found, "")
}

// gateway is the command, running.
type gateway struct {
	cmd    *exec.Cmd
	log    *os.File
	socket string
	done   chan error
}

// start starts the command and waits until it answers.
func start(t *testing.T, config, socket, root string) *gateway {
	t.Helper()
	g := launch(t, config, socket, root)
	g.await(t, "serving", func(d api.Document) bool { return d.DNS.Serving })
	return g
}

func launch(t *testing.T, config, socket, root string) *gateway {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{cmd: exec.Command(os.Args[0], "run", "--config", config, "--root", root), log: log, socket: socket, done: make(chan error, 1)}
	g.cmd.Env = append(os.Environ(), asCommand+"=1")
	g.cmd.Stderr = log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { g.done <- g.cmd.Wait() }()
	t.Cleanup(func() { g.cmd.Process.Kill(); log.Close() })
	return g
}

// await waits until the status holds.
func (g *gateway) await(t *testing.T, what string, holds func(api.Document) bool) api.Document {
	t.Helper()
	var d api.Document
	for limit := time.After(15 * time.Second); ; {
		code, out, _ := call("status", "--json", "--socket", g.socket)
		if code == exitOK && json.Unmarshal([]byte(out), &d) == nil && holds(d) {
			return d
		}
		select {
		case <-limit:
			log, _ := os.ReadFile(g.log.Name())
			t.Fatalf("never: %s\n%s\n%s", what, out, log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// end sends a signal and waits for the end.
func (g *gateway) end(t *testing.T, s os.Signal) {
	t.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-g.done:
		if err != nil {
			log, _ := os.ReadFile(g.log.Name())
			t.Errorf("%v: %v\n%s", s, err, log)
		}
	case <-time.After(10 * time.Second): // the promised two are control's tests to hold, by their own clock
		t.Fatalf("%v: still there after 10 s", s)
	}
}

// TestLife: the gateway starts without a modem, tells its state, refuses a second one,
// takes a changed file, shows faults, and SIGTERM leaves nothing.
func TestLife(t *testing.T) {
	path, socket := settings(t, "")
	g := start(t, path, socket, made(t))
	if traces(t) == "" {
		t.Error("nothing is there while it runs")
	}
	code, text, _ := call("status", "--socket", socket)
	if code != exitOK || !strings.HasPrefix(text, "Clients have no Internet: no modem is found.\n") {
		t.Errorf("exit %d, %s", code, text)
	}
	if code, text, _ := call("wifi", "--socket", socket); code != exitOK || text != "No network is on the air: there is no Wi-Fi radio.\n" {
		t.Errorf("exit %d, %s", code, text)
	}
	if code, text, _ := call("wifi", "--json", "--socket", socket); code != exitOK || !strings.HasPrefix(text, `{"networks":[],`) {
		t.Errorf("exit %d, %s", code, text)
	}
	if code, _, complaints := call("run", "--config", path, "--root", made(t)); code != exitFailed || !strings.Contains(complaints, "another tetherd runs here") {
		t.Errorf("a second instance: exit %d, %s", code, complaints)
	}

	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, path, faulty)
	g.await(t, "faults shown", func(d api.Document) bool {
		return strings.Contains(strings.Join(d.Problems, "\n"), "did you mean 'address'?")
	})
	replace(t, path, string(good)+"config sharing\n\toption enabled '0'\n")
	d := g.await(t, "sharing off", func(d api.Document) bool { return !d.LAN.Sharing })
	if strings.Contains(strings.Join(d.Problems, "\n"), "config:") {
		t.Errorf("problems stay: %q", d.Problems)
	}
	// A storm of signals ends neither the program nor its watch over the file.
	for range 2000 {
		if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	replace(t, path, string(good))
	g.await(t, "sharing on after the storm", func(d api.Document) bool { return d.LAN.Sharing })
	g.end(t, syscall.SIGTERM)
	if left := traces(t); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
	if code, _, complaints := call("status", "--socket", socket); code != exitDown {
		t.Errorf("after the end: exit %d, %s", code, complaints)
	}
}

// TestStartWithFaults: a gateway that is started with a faulty file goes on with the last
// settings that were in force, or else the first of its machine, and says what is wrong; a
// backup replaces the faulty file, and who mends it by hand is heard.
func TestStartWithFaults(t *testing.T) {
	path, socket := settings(t, "config lan\n\toption bridge 'br-tether2'\n")
	root := made(t)
	g := start(t, path, socket, root)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	state := config.StateDir(good)
	g.end(t, syscall.SIGTERM)
	for _, kept := range []string{lastSettings, factory} {
		replace(t, path, string(good)+"config modem\n\toption pin 'none'\n")
		g = start(t, path, socket, root)
		d := g.await(t, "faults shown", func(d api.Document) bool { return strings.Contains(strings.Join(d.Problems, "\n"), "option 'pin'") })
		if d.LAN.Bridge != "br-tether2" {
			t.Errorf("%s: the bridge is %s", kept, d.LAN.Bridge)
		}
		bad, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if code, _, complaints := call("restore", "--socket", socket, file(t, "backup", string(good))); code != exitOK {
			t.Errorf("%s: a backup is not taken: %s", kept, complaints)
		}
		g.await(t, "no faults", func(d api.Document) bool { return !strings.Contains(strings.Join(d.Problems, "\n"), "config:") })
		aside, err := os.ReadFile(filepath.Join(state, lastSettings+".faulty"))
		if now, _ := os.ReadFile(path); string(now) != string(good) || string(aside) != string(bad) {
			t.Errorf("%s: the file is %q, beside it %q, %v", kept, now, aside, err)
		}
		replace(t, path, string(bad))
		g.await(t, "faults again", func(d api.Document) bool { return strings.Contains(strings.Join(d.Problems, "\n"), "option 'pin'") })
		replace(t, path, string(good)+"config sharing\n\toption enabled '0'\n")
		g.await(t, "sharing off", func(d api.Document) bool {
			return !d.LAN.Sharing && !strings.Contains(strings.Join(d.Problems, "\n"), "config:")
		})
		g.end(t, syscall.SIGTERM)
		if err := os.Rename(filepath.Join(state, lastSettings), filepath.Join(state, factory)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHandOver: SIGUSR2 leaves everything in force for the next process, which takes
// it over; so does kill -9.
func TestHandOver(t *testing.T) {
	path, socket := settings(t, "config lan\n\toption bridge 'br-tether2'\n")
	root := made(t)
	g := start(t, path, socket, root)
	before := traces(t)
	g.end(t, syscall.SIGUSR2)
	// A bridge without ports tells its carrier late; everything else must be the same.
	calm := strings.NewReplacer("NO-CARRIER,", "", " linkdown", "", "state DOWN", "state UNKNOWN")
	if left := traces(t); calm.Replace(left) != calm.Replace(before) {
		t.Errorf("the hand-over changed\n%s\ninto\n%s", before, left)
	}
	g = start(t, path, socket, root)
	g.cmd.Process.Kill()
	<-g.done
	g = start(t, path, socket, root)
	g.end(t, syscall.SIGINT)
	if left := traces(t); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// replace replaces a file as editors do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.Rename(file(t, "new", text), path); err != nil {
		t.Fatal(err)
	}
}

// TestVersion prints one line.
func TestVersion(t *testing.T) {
	if code, out, _ := call("version"); code != exitOK || out != "tetherd "+version+"\n" {
		t.Errorf("exit %d, %q", code, out)
	}
}

// TestPlanBesideARunningGateway: the gateway itself is asked, for the file at hand, and
// what cannot be asked is told.
func TestPlanBesideARunningGateway(t *testing.T) {
	path, socket := settings(t, "")
	g := start(t, path, socket, made(t))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g.plans(t, path, "with this configuration. It would do nothing: everything is as wanted.\n")
	off := file(t, "off", string(text)+"config dns\n\toption enabled '0'\n")
	g.plans(t, off, "with another configuration. With this one it would do next:\ndns\n")
	g.plans(t, path, "with this configuration. It would do nothing")
	elsewhere := file(t, "elsewhere", strings.Replace(string(text), socket, socket+"2", 1))
	code, out, _ := call("plan", "--config", elsewhere, "--root", made(t))
	if code != exitOK || !strings.Contains(out, "problem: another tetherd runs here, and this is not what that one would do: ") {
		t.Errorf("exit %d, %s", code, out)
	}
	g.end(t, syscall.SIGTERM)
}

// plans awaits a plan of this gateway for a file; the last turn's own steps are in it
// until the next turn.
func (g *gateway) plans(t *testing.T, path, want string) {
	t.Helper()
	want = fmt.Sprintf("tetherd runs here (process %d) ", g.cmd.Process.Pid) + want
	for limit := time.After(15 * time.Second); ; {
		code, out, complaints := call("plan", "--config", path)
		if code == exitOK && strings.HasPrefix(out, want) {
			return
		}
		select {
		case <-limit:
			t.Fatalf("exit %d, %q, never %q:\n%s", code, complaints, want, out)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestConfigGoes: a file that is removed is a problem at once, and the former one stays
// in force; so is an option that only a restart can apply.
func TestConfigGoes(t *testing.T) {
	path, socket := settings(t, "")
	g := start(t, path, socket, made(t))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	told := func(want string) func(api.Document) bool {
		return func(d api.Document) bool { return strings.Contains(strings.Join(d.Problems, "\n"), want) }
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d := g.await(t, "told that it is gone", told("config: open "+path+": no such file"))
	if !d.DNS.Serving || !d.LAN.Sharing {
		t.Error("something was taken down")
	}
	replace(t, path, strings.Replace(string(text), socket, socket+"2", 1))
	g.await(t, "told that a restart is needed", told("the changed option 'socket' needs a restart"))
	replace(t, path, string(text))
	g.await(t, "all well", func(d api.Document) bool { return !told("config: ")(d) })
	g.end(t, syscall.SIGTERM)
}

// TestNextProcessWaits: a process that is started while the former one still runs takes
// over when that ends, and a file in the place of its socket is not eaten.
func TestNextProcessWaits(t *testing.T) {
	path, socket := settings(t, "")
	root := made(t)
	g := start(t, path, socket, root)
	next := launch(t, path, socket, root)
	g.end(t, syscall.SIGUSR2)
	d := next.await(t, "taken over", func(d api.Document) bool { return d.Process.PID == next.cmd.Process.Pid && d.DNS.Serving })
	if d.LAN.Address == "" {
		t.Errorf("the LAN is %+v", d.LAN)
	}
	next.end(t, syscall.SIGTERM)
	if left := traces(t); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
	if err := os.WriteFile(socket, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, complaints := call("run", "--config", path, "--root", root); code != exitFailed || !strings.Contains(complaints, socket+" is there and is no socket") {
		t.Errorf("exit %d, %s", code, complaints)
	}
	if text, err := os.ReadFile(socket); err != nil || string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
}
