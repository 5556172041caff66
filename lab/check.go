package lab

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// check is how one make finds out whether there is Internet: it loads a page by plain
// HTTP, and anything but this answer is somebody's page, to which the person is led.
type check struct {
	url    string
	status string
	body   string
	opens  string // what is shown to the person; "" where the check was led to
}

// checkOf is a make's check, as its documentation and source have it.
func checkOf(brand string) (check, error) {
	return choice([]string{brand}, map[string]check{
		"android": {"http://connectivitycheck.gstatic.com/generate_204", "204", "", ""},
		"apple":   {"http://captive.apple.com/hotspot-detect.html", "200", "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>", "http://captive.apple.com/hotspot-detect.html"},
		"windows": {"http://www.msftconnecttest.com/connecttest.txt", "200", "Microsoft Connect Test", "http://www.msftconnecttest.com/redirect"},
		"firefox": {"http://detectportal.firefox.com/success.txt?ipv4", "200", "success\n", "http://detectportal.firefox.com/canonical.html"},
	})
}

// checkStep waits until a client of a make finds what it must: check CLIENT MAKE online,
// check CLIENT MAKE offline, or check CLIENT MAKE page ['TEXT' [LANGUAGE]].
func checkStep(ctx context.Context, w *World, args []string) (string, error) {
	c, args, err := w.client(args)
	if err != nil {
		return "", err
	}
	how, err := checkOf(args[0])
	if err != nil {
		return "", err
	}
	const pause = 200 * time.Millisecond
	limit := time.Now().Add(expectLimit)
	for {
		text, err := c.check(ctx, how, args[1:])
		if err == nil || time.Now().After(limit) {
			return text, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(pause):
		}
	}
}

// check makes one check and holds it against what is expected.
func (c *client) check(ctx context.Context, how check, want []string) (string, error) {
	found, to := c.looks(ctx, how)
	if found != want[0] {
		return "", fmt.Errorf("it finds itself %s, not %s (%s)", found, want[0], to)
	}
	if found != "page" || len(want) < 2 {
		return to, nil
	}
	if how.opens != "" {
		to = how.opens
	}
	language := append(want[2:], "en")[0]
	page, err := c.run(ctx, "curl", "-sSL", "--fail", "--max-time", "5", "-H", "Accept-Language: "+language, to)
	if err != nil {
		return "", err
	}
	if !strings.Contains(page, want[1]) {
		return "", fmt.Errorf("the page reads %q", page)
	}
	return to, nil
}

// looks makes the check: "online", "offline", or "page" and where it is.
func (c *client) looks(ctx context.Context, how check) (found, where string) {
	const mark = "\n=== "
	out, err := c.run(ctx, "curl", "-s", "--max-time", "5", "-w", mark+"%{http_code} %{redirect_url}", how.url)
	if err != nil {
		return "offline", err.Error()
	}
	body, rest, _ := strings.Cut(out, mark)
	status, to, _ := strings.Cut(rest, " ")
	switch {
	case status == how.status && body == how.body:
		return "online", ""
	case status[0] == '3' || status == "200":
		return "page", to
	}
	return "offline", "status " + status
}
