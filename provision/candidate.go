package provision

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tetherd/tetherd/config"
	"github.com/tetherd/tetherd/modem"
)

// maxOwned bounds how many access points of the owner's are tried.
const maxOwned = 12

// Key names what a ladder climbs for: a changed key starts anew. It changes with the
// SIM and with the access points the owner named, and with nothing that may be read
// late or changes while a bearer is good. It is a hash and tells neither subscriber nor
// password; "" while no SIM is known.
func Key(wish []config.APN, sim Identity) string {
	if sim.ICCID == "" && sim.IMSI == "" {
		return ""
	}
	hash := sha256.New()
	add := func(text string) {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(text)))
		hash.Write(size[:])
		hash.Write([]byte(text))
	}
	add(string(sim.ICCID))
	add(string(sim.IMSI))
	for _, apn := range wish {
		for _, field := range []string{apn.Section, apn.APN, apn.User, apn.Password, apn.Auth, apn.Family} {
			add(field)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// IdentityOf returns what a SIM tells about itself, with its home network by the table when
// neither it nor the modem tells the length of the MNC.
func IdentityOf(sim modem.SIM) Identity {
	id := Identity{ICCID: sim.ICCID, IMSI: sim.IMSI, MCC: sim.MCC, MNC: sim.MNC, SPN: sim.SPN, GID1: sim.GID1}
	if id.MNC == "" {
		if read, err := IdentityFromDigits(string(sim.IMSI)); err == nil && read.IMSI != "" {
			id.MCC, id.MNC = read.MCC, read.MNC
		}
	}
	return id
}

// IdentityFromDigits makes an identity of an MCC and MNC (5 or 6 digits) or an IMSI
// (7 to 15 digits, 3GPP TS 23.003, 2.2), for who has no SIM at hand.
func IdentityFromDigits(digits string) (Identity, error) {
	switch {
	case len(digits) < 5 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "":
		return Identity{}, errors.New("provision: neither an MCC and MNC of 5 or 6 digits nor an IMSI of up to 15")
	case len(digits) <= 6:
		return Identity{MCC: digits[:3], MNC: digits[3:]}, nil
	}
	mcc, mnc := table(embedded).home(digits)
	return Identity{IMSI: modem.Secret(digits), MCC: mcc, MNC: mnc}, nil
}

// Candidates returns the access points that may be right, in the order to try: the
// owner's, letter by letter and in file order; what worked before for this SIM; the
// network's own choice; what the table lists. The owner's names come first and not
// alone: a wrong one must not end in silence. No two would be dialled alike; one
// that stands in the list already lends it what it knows. At most 26. The memory may be
// nil. A call reads through the table: keep the answer while Key stays.
func Candidates(wish []config.APN, sim Identity, memory *Memory, roaming bool) []Candidate {
	return candidates(wish, nil, sim, memory, roaming)
}

// candidates has besides what an operator's document names, behind the owner's.
func candidates(wish []config.APN, named []Candidate, sim Identity, memory *Memory, roaming bool) []Candidate {
	var list []Candidate
	worked, at, known := memory.recall(sim.ICCID)
	for i, apn := range wish[:min(len(wish), maxOwned)] {
		c := owned(i, apn)
		if known && sameDial(c, worked) && len(c.Families) > 1 {
			c.Families = worked.Families
		}
		list = add(list, c)
	}
	list = addNamed(list, named)
	if known {
		worked.Why = "worked for this SIM on " + at.UTC().Format(time.DateOnly)
		list = add(list, worked)
	}
	list = add(list, Candidate{Source: FromNetwork, Families: families(""), Why: "the network may assign one"})
	for _, c := range table(embedded).lookup(sim, roaming) {
		list = add(list, c)
	}
	return list
}

// owned makes a candidate of a section of the config. What the owner says of family
// and authentication is an order, not a hint.
func owned(index int, apn config.APN) Candidate {
	c := Candidate{
		Source: FromOwner, APN: apn.APN, User: apn.User, Password: modem.Secret(apn.Password),
		Families: families(""), Why: fmt.Sprintf("named in the config (access point %d)", index+1),
	}
	if apn.Section != "" {
		c.Why = fmt.Sprintf("named in section '%s' of the config", apn.Section)
	}
	if apn.Auth != "" && apn.Auth != "auto" {
		c.Auth = modem.Auth(apn.Auth)
	}
	if apn.Family != "" && apn.Family != "auto" {
		c.Families = []modem.Family{modem.Family(apn.Family)}
	}
	return c
}

// add appends a candidate unless one before it covers it; then that one learns what
// it did not know.
func add(list []Candidate, c Candidate) []Candidate {
	for i := range list {
		if covers(list[i], c) {
			list[i] = learn(list[i], c)
			return list
		}
	}
	return append(list, c)
}

// covers reports whether everything that c would dial is dialled for first already.
func covers(first, c Candidate) bool {
	if !sameDial(first, c) || !subset(c.auths(), first.auths()) {
		return false
	}
	return subset(c.Families, first.Families)
}

// sameDial compares names letter by letter: TS 23.003 has them without regard to
// case, but not every core network does.
func sameDial(a, b Candidate) bool {
	return a.APN == b.APN && a.User == b.User && a.Password == b.Password
}

func subset[T comparable](some, of []T) bool {
	return !slices.ContainsFunc(some, func(one T) bool { return !slices.Contains(of, one) })
}

func learn(c, from Candidate) Candidate {
	if c.Name == "" {
		c.Name = from.Name
	}
	if c.MTU == 0 {
		c.MTU = from.MTU
	}
	if c.Plan == "" {
		c.Plan = from.Plan
	}
	if c.Balance == "" {
		c.Balance = from.Balance
	}
	c.DUN = c.DUN || from.DUN
	return c
}

// auths returns the authentications to try, in order: CHAP before PAP, because PAP
// shows the password to who listens.
func (c Candidate) auths() []modem.Auth {
	switch {
	case c.Auth != "":
		return []modem.Auth{c.Auth}
	case c.User == "" && c.Password == "":
		return []modem.Auth{modem.AuthNone}
	}
	return []modem.Auth{modem.AuthCHAP, modem.AuthPAP}
}

// maxRungs bounds a round of the ladder.
const maxRungs = 64

// Rungs expands candidates by family and, where it is not told, authentication: all
// of one candidate before the next, all of one family before the next. The ladder
// skips most of them by the cause it is given. No two dial alike; at most 64.
func Rungs(candidates []Candidate) []Rung {
	var rungs []Rung
	seen := make(map[modem.Bearer]bool)
	for _, c := range candidates {
		for _, family := range c.Families {
			for _, auth := range c.auths() {
				bearer := modem.Bearer{APN: c.APN, User: c.User, Password: c.Password, Auth: auth, Family: family}
				if !seen[bearer] && len(rungs) < maxRungs {
					seen[bearer] = true
					rungs = append(rungs, Rung{Candidate: c, Bearer: bearer})
				}
			}
		}
	}
	return rungs
}
