package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetherd/tetherd/api"
	"github.com/tetherd/tetherd/lab/simmodem"
)

// step carries out one kind of line of a story. What do returns as text is printed
// behind the line.
type step struct {
	least, most int // number of words behind the first
	do          func(ctx context.Context, w *World, args []string) (note string, err error)
}

// many is more words than any line has.
const many = 64

// steps are all the words that a story's line may begin with.
var steps = map[string]step{
	"start":       {0, many, startStep},
	"stop":        {0, 0, stopStep},
	"kill":        {0, 0, func(_ context.Context, w *World, _ []string) (string, error) { return "", w.daemon.end(unix.SIGKILL) }},
	"kill-after":  {1, 1, killAfterStep},
	"kill-while":  {3, many, killWhileStep},
	"kill-every":  {2, many, killEveryStep},
	"hand-over":   {0, 0, func(_ context.Context, w *World, _ []string) (string, error) { return "", w.daemon.end(unix.SIGUSR2) }},
	"config":      {1, 1, configStep},
	"plug":        {0, 1, plugStep},
	"unplug":      {0, 0, func(_ context.Context, w *World, _ []string) (string, error) { return "", w.unplug() }},
	"insert":      {1, 1, insertStep},
	"eject":       {0, 0, func(_ context.Context, w *World, _ []string) (string, error) { w.modem.RemoveSIM(); return "", nil }},
	"register":    {1, 2, registerStep},
	"network":     {2, 4, networkStep},
	"attach":      {1, 2, attachStep},
	"attaches":    {1, 2, attachesStep},
	"drop":        {1, 2, dropStep},
	"address":     {1, 1, addressStep},
	"silent":      {1, 1, silentStep},
	"reset":       {0, 0, func(_ context.Context, w *World, _ []string) (string, error) { return "", w.reset() }},
	"lease":       {1, 1, leaseStep},
	"fetch":       {2, 3, fetchStep},
	"resolve":     {2, 3, resolveStep},
	"download":    {1, 1, downloadStep},
	"downloading": {1, 1, downloadingStep},
	"stalled":     {1, 1, stalledStep},
	"roam":        {2, 2, roamStep},
	"impersonate": {3, 3, impersonateStep},
	"flood":       {1, 1, floodStep},
	"crowd":       {2, 2, crowdStep},
	"mark":        {1, 1, markStep},
	"quiet":       {1, 1, quietStep},
	"carries":     {2, 2, carriesStep},
	"never":       {2, 3, neverStep},
	"steady":      {1, 1, steadyStep},
	"muted":       {1, 2, mutedStep},
	"most":        {1, 1, mostStep},
	"provision":   {1, 3, provisionStep},
	"publish":     {1, 2, publishStep},
	"consent":     {1, 1, consentStep},
	"tetherd":     {1, many, tetherdStep},
	"run":         {2, many, runStep},
	"expect":      {1, many, expectStep},
	"always":      {1, many, alwaysStep},
	"policy":      {1, many, policyStep},
	"stale":       {0, 2, staleStep},
	"servers":     {1, 1, serversStep},
	"skew":        {1, 1, skewStep},
	"filter":      {0, many, filterStep},
	"unreach":     {1, 1, unreachStep},
	"path":        {0, many, pathStep},
	"occupy":      {1, 1, occupyStep},
	"rival":       {0, 1, rivalStep},
	"vacate":      {0, 0, vacateStep},
	"traffic":     {1, 1, trafficStep},
	"no-lease":    {1, 1, noLeaseStep},
	"inject":      {0, 0, injectStep},
	"detect":      {0, 1, detectStep},
	"recover":     {1, 2, recoverStep},
	"calm":        {1, 1, calmStep},
	"check":       {3, 5, checkStep},
}

// check finds what could only fail when the step is played.
func (s *Scenario) check(st Step) (err error) {
	kind, ok := steps[st.Words[0]]
	if !ok {
		return fmt.Errorf("there is no step %q", st.Words[0])
	}
	args := st.Words[1:]
	if len(args) < kind.least || len(args) > kind.most {
		return fmt.Errorf("%s takes %d to %d words, has %d", st.Words[0], kind.least, kind.most, len(args))
	}
	switch st.Words[0] {
	case "expect", "always":
		_, err = parseExpectation(args)
	case "kill-while":
		err = s.checkKill(args[0], Step{st.Line, args[2:]})
	case "kill-every":
		err = s.checkKill(args[0], Step{st.Line, args[1:]})
	case "silent", "calm", "skew":
		_, err = time.ParseDuration(args[0])
	case "attach":
		_, err = parseAttach(args)
	case "path":
		_, err = parsePath(args)
	case "rival":
		if len(args) > 0 && args[0] != "gone" && args[0] != "closes" {
			err = fmt.Errorf("rival: there is no %q", args[0])
		}
	case "stale":
		if len(args) > 0 && (len(args) != 2 || args[0] != "until" || cures()[args[1]] == 0) {
			err = errors.New("stale takes nothing, or until and one of detach, radio and reset")
		}
	case "policy":
		err = s.checkAPN(args[0])
	case "inject", "detect", "recover":
		if s.Fault == nil {
			return errors.New("there is no section 'fault'")
		}
		if st.Words[0] == "recover" && len(args) > 1 {
			_, err = time.ParseDuration(args[1])
		}
	case "check":
		_, err = checkOf(args[1])
	case "address":
		_, err = netip.ParsePrefix(args[0])
	case "config":
		if _, ok := s.Configs[args[0]]; !ok {
			err = fmt.Errorf("there is no section 'tetherd %s'", args[0])
		}
	case "carries":
		err = errors.Join(s.checkAPN(args[0]), s.checkMarked(st.Line, args[1]))
	case "steady":
		err = s.checkMarked(st.Line, args[0])
	case "muted":
		err = errors.Join(s.checkMarked(st.Line, args[0]), checkMore(args[1:], "names"))
	case "never":
		err = errors.Join(s.checkAPN(args[0]), s.checkMarked(st.Line, args[1]), checkMore(args[2:], "datagrams"))
	case "provision":
		err = checkMore(args[1:min(len(args), 2)], "refused")
	case "publish":
		err = checkMore(args[1:], "unsigned")
	case "impersonate":
		if !slices.Contains([]string{"mac", "address", "both"}, args[2]) {
			err = fmt.Errorf("impersonate: there is no %q", args[2])
		}
	case "insert":
		if _, ok := s.SIMs[args[0]]; !ok {
			err = fmt.Errorf("there is no SIM %q", args[0])
		}
	}
	return err
}

// checkMore finds a word at the end that is none of the step's.
func checkMore(args []string, word string) error {
	if len(args) > 0 && args[0] != word {
		return fmt.Errorf("there is no %q; did you mean %s?", args[0], word)
	}
	return nil
}

func (s *Scenario) checkAPN(name string) error {
	if _, ok := s.APNs[name]; !ok {
		return fmt.Errorf("there is no access point %q", name)
	}
	return nil
}

func startStep(_ context.Context, w *World, args []string) (string, error) {
	w.commands.reset()
	return "", w.daemon.start(args...)
}

func stopStep(_ context.Context, w *World, _ []string) (string, error) {
	if err := w.daemon.end(unix.SIGTERM); err != nil {
		return "", err
	}
	return "", w.nothingLeft()
}

// killAfterStep kills tetherd in the middle of its work: once the modem has carried
// out so many commands since the start.
func killAfterStep(ctx context.Context, w *World, args []string) (string, error) {
	n, err := number(args, 1000)
	if err != nil {
		return "", err
	}
	limit := time.NewTimer(expectLimit)
	defer limit.Stop()
	for {
		done, more := w.commands.since()
		if done >= n {
			return "", w.daemon.end(unix.SIGKILL)
		}
		select {
		case <-more:
		case <-limit.C:
			return "", fmt.Errorf("tetherd gave the modem %d commands and no more", done)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// configStep replaces the configuration file. A tetherd that runs has taken it when the
// step ends: what is expected then is not of the settings before.
func configStep(ctx context.Context, w *World, args []string) (string, error) {
	if err := w.daemon.configure(w.scenario.Configs[args[0]]); err != nil || !w.daemon.runs() {
		return "", err
	}
	return "", w.daemon.obeyed(ctx)
}

func plugStep(_ context.Context, w *World, args []string) (string, error) {
	n := 0
	if len(args) > 0 {
		var err error
		if n, err = number(args, 9); err != nil {
			return "", err
		}
	}
	return "", w.plug(n)
}

func insertStep(_ context.Context, w *World, args []string) (string, error) {
	w.modem.InsertSIM(w.scenario.SIMs[args[0]])
	return "", nil
}

func registerStep(ctx context.Context, w *World, args []string) (string, error) {
	if err := parseRegistration(&w.network, args); err != nil {
		return "", err
	}
	return "", w.enter(ctx, w.network)
}

func networkStep(ctx context.Context, w *World, args []string) (string, error) {
	n, err := parseNetwork(args)
	if err != nil {
		return "", err
	}
	return "", w.enter(ctx, n)
}

// enter changes the radio network around the modem. A tetherd that knows of a network
// knows of this one when it ends.
func (w *World) enter(ctx context.Context, n simmodem.Network) error {
	w.network = n
	w.modem.SetNetwork(n)
	if doc, _ := w.daemon.current(); !w.daemon.runs() || doc.Modem.Registration == "" {
		return nil
	}
	doc, err := w.daemon.await(ctx, expectLimit, w.knowsNetwork)
	if err != nil {
		return fmt.Errorf("tetherd is not told: %w; the status says:\n%s", err, indent(doc))
	}
	return nil
}

// knowsNetwork says that tetherd tells of the network what the modem does. Without a SIM
// there is none.
func (w *World) knowsNetwork(d api.Document) bool {
	switch is := w.modem.Status().Registered; is {
	case simmodem.Deregistered:
		return true
	case simmodem.Searching, simmodem.Denied:
		return registrations[d.Modem.Registration] == is
	default:
		return registrations[d.Modem.Registration] == is && d.Modem.Network == w.network.PLMN
	}
}

func dropStep(_ context.Context, w *World, args []string) (string, error) {
	cause, err := number(args[:1], 255)
	session := 0
	if err == nil && len(args) > 1 {
		session, err = number(args[1:], 7)
	}
	if err != nil {
		return "", err
	}
	if !w.modem.DropBearer(uint32(session), simmodem.Cause(cause)) {
		return "", errors.New("no bearer is up")
	}
	return "", nil
}

func addressStep(_ context.Context, w *World, args []string) (string, error) {
	p, err := netip.ParsePrefix(args[0])
	if err != nil {
		return "", err
	}
	changed := w.modem.ChangeBearer(0, func(g *simmodem.Grant) {
		if g.IPv4 != nil {
			g.IPv4.Address, g.IPv4.Gateway = p, p.Masked().Addr().Next()
		}
	})
	if !changed {
		return "", errors.New("no bearer is up")
	}
	return "", nil
}

func silentStep(_ context.Context, w *World, args []string) (string, error) {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return "", err
	}
	w.modem.Silence(d)
	return "", nil
}

func leaseStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args)
	if err != nil {
		return "", err
	}
	return c.lease(ctx)
}

func fetchStep(ctx context.Context, w *World, args []string) (string, error) {
	c, args, err := w.client(args)
	if err != nil {
		return "", err
	}
	page, err := c.fetch(ctx, args[0])
	if err != nil {
		return "", err
	}
	if len(args) > 1 && !strings.Contains(page, args[1]) {
		return "", fmt.Errorf("the page does not contain %q but reads %.80q", args[1], page)
	}
	return fmt.Sprintf("%d bytes", len(page)), nil
}

func resolveStep(ctx context.Context, w *World, args []string) (string, error) {
	c, args, err := w.client(args)
	if err != nil {
		return "", err
	}
	for _, transport := range []string{"+notcp", "+tcp"} {
		out, err := c.run(ctx, "dig", "+short", "+time=3", "+tries=1", transport, args[0])
		if err != nil {
			return "", err
		}
		if len(args) > 1 && !strings.Contains(out, args[1]) || strings.TrimSpace(out) == "" {
			return "", fmt.Errorf("dig %s answers %q", transport, out)
		}
	}
	return "", nil
}

func downloadStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args)
	if err != nil {
		return "", err
	}
	return "", c.startDownload(ctx)
}

func downloadingStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args)
	if err != nil {
		return "", err
	}
	return c.downloading(ctx)
}

func stalledStep(ctx context.Context, w *World, args []string) (string, error) {
	c, _, err := w.client(args)
	if err != nil {
		return "", err
	}
	return c.stalled(ctx)
}

func runStep(ctx context.Context, w *World, args []string) (string, error) {
	if c, ok := w.clients[args[0]]; ok {
		_, err := c.run(ctx, args[1], args[2:]...)
		return "", err
	}
	ns, ok := w.spaces[args[0]]
	if !ok {
		return "", fmt.Errorf("there is no %q", args[0])
	}
	return "", ns.Run(args[1], args[2:]...)
}

func expectStep(ctx context.Context, w *World, args []string) (string, error) {
	e, err := parseExpectation(args)
	if err != nil {
		return "", err
	}
	doc, err := w.daemon.await(ctx, e.limit, e.holds)
	if err != nil {
		return "", fmt.Errorf("%w; the status says:\n%s", err, indent(doc))
	}
	return "", nil
}

func indent(d api.Document) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(d.Text()), "\n", "\n    ")
}
