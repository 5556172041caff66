package probe

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Bounds of what is read of a page in the Internet's place, to know what it wants.
const (
	maxLogin = 8 << 10 // bytes of each page
	maxHops  = 3       // pages that lead to each other
)

// wantsLogin says that the page which answers in the Internet's place asks for a login or
// for consent to its terms, and says nothing of money; unread, that it could not be read. It
// follows plain HTTP alone.
func (v *vantage) wantsLogin(ctx context.Context, at place) (login, unread bool) {
	ctx, stop := context.WithTimeout(ctx, v.limits.page)
	defer stop()
	for u, addr, hops := at.url, at.addr, 1; ; hops++ {
		p, err := v.load(ctx, u, addr, maxLogin)
		if err != nil {
			return false, true
		}
		if p.login() {
			return true, false
		}
		next, err := u.Parse(p.to)
		if hops == maxHops || p.to == "" || err != nil || next.Scheme != "http" || next.Hostname() == "" {
			return false, false
		}
		if addr, err = v.resolve(ctx, next.Hostname()); err != nil {
			return false, true
		}
		u = next
	}
}

// login says that a page asks for a login or consent: it says so to programs (WISPr, RFC 6585
// section 6), or has a field for a password, or a box to tick. An operator's account has a
// password, too: words about money make it that.
func (p page) login() bool {
	text := strings.ToLower(p.body)
	has := func(word string) bool { return strings.Contains(text, word) }
	switch {
	case has("<wispaccessgatewayparam"):
		return true
	case slices.ContainsFunc(money(), has):
		return false
	case p.status == http.StatusNetworkAuthenticationRequired:
		return true
	}
	text = strings.NewReplacer(`"`, "", "'", "").Replace(text)
	return has("<form") && (has("type=password") || has("type=checkbox"))
}

// money are beginnings of words that pages use who want some, in lower case.
func money() []string {
	return []string{"top up", "top-up", "topup", "recharg", "buy ", "purchase", "payment", "balance", "credit", "prepaid",
		"aufladen", "guthaben", "recarga", "saldo", "пополн", "баланс", "оплат"}
}
