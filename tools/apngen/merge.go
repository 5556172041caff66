package main

import (
	"cmp"
	"slices"
	"strings"
)

// merge joins the two sets to what is tried for each PLMN, best first.
//
// LineageOS leads. The other set fills in networks that LineageOS lacks, tags plans
// and balance codes, adds the names only it knows, and its agreement moves a row
// ahead of those that one set alone vouches for.
func merge(lineage, mbpi []row) []row {
	first, second := byPLMN(lineage), byPLMN(mbpi)
	var merged []row
	for _, plmn := range plmns(lineage, mbpi) {
		merged = append(merged, mergePLMN(first[plmn], second[plmn])...)
	}
	return merged
}

func byPLMN(rows []row) map[string][]row {
	groups := make(map[string][]row)
	for _, r := range rows {
		groups[r.plmn] = append(groups[r.plmn], r)
	}
	return groups
}

func plmns(sets ...[]row) []string {
	var all []string
	for _, rows := range sets {
		for _, r := range rows {
			all = append(all, r.plmn)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ranked is a row with its place; lower is tried earlier.
type ranked struct {
	row
	rank int
}

// The places of rows, best first.
const (
	rankAgreed  = -1 // or less: the other set lists the name as often
	rankPlain   = 0
	rankProxy   = 1
	rankOther   = 2 // only the other set knows it
	rankOtherMV = 3 // only the other set knows it, for somebody's brand
)

func mergePLMN(lineage, mbpi []row) []row {
	var all []ranked
	for _, r := range lineage {
		all = append(all, ranked{tag(r, mbpi), rankFirst(r, mbpi)})
	}
	for _, r := range mbpi {
		if !slices.ContainsFunc(lineage, func(other row) bool { return covers(other, r) }) {
			all = append(all, ranked{r, rankSecond(r, mbpi)})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	return dropDuplicates(all)
}

// covers reports whether a LineageOS row makes one of the other set superfluous.
func covers(first, second row) bool {
	return strings.EqualFold(first.apn, second.apn) && first.key == second.key
}

// rankFirst places a LineageOS row. A name that the other set lists for several
// plans of this network is more likely the network's ordinary one.
func rankFirst(r row, mbpi []row) int {
	agreed := selected(mbpi, func(other row) bool {
		return !isBrand(other, mbpi) && strings.EqualFold(r.apn, other.apn)
	})
	switch {
	case r.marked(markProxy):
		return rankProxy
	case len(agreed) > 0:
		return rankAgreed * len(agreed)
	}
	return rankPlain
}

func rankSecond(r row, mbpi []row) int {
	if isBrand(r, mbpi) {
		return rankOtherMV
	}
	return rankOther
}

// isBrand reports whether a row is for somebody's brand on this network: marked so,
// or unmarked beside rows of the network's own operator.
func isBrand(r row, mbpi []row) bool {
	if r.marked(markPrimary) {
		return false
	}
	return r.marked(markBrand) || slices.ContainsFunc(mbpi, func(other row) bool { return other.marked(markPrimary) })
}

// tag adds plan and balance code to a LineageOS row: of the row with the same
// credentials, else of those with the same name, else the network's own balance code.
func tag(r row, mbpi []row) row {
	same := func(other row) bool { return strings.EqualFold(r.apn, other.apn) && sameBrand(r, other) }
	exact := func(other row) bool { return same(other) && r.user == other.user }
	for _, match := range []func(row) bool{exact, same} {
		if found := selected(mbpi, match); len(found) > 0 {
			r.plan = unanimous(found, func(other row) string { return other.plan })
			r.balance = firstCode(found)
			break
		}
	}
	if r.balance == "" && r.key == "" {
		own := selected(mbpi, func(other row) bool { return other.balance != "" && !isBrand(other, mbpi) })
		r.balance = unanimous(own, func(other row) string { return other.balance })
	}
	return r
}

// sameBrand reports whether what the other set says can be said of a LineageOS row:
// brands on one network share access points, but neither plans nor balance codes.
func sameBrand(r, other row) bool {
	spn, named := strings.CutPrefix(r.key, "spn:")
	return r.key == other.key ||
		named && strings.Contains(strings.ToLower(other.name), strings.ToLower(spn))
}

func selected(rows []row, match func(row) bool) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !match(r) })
}

func firstCode(rows []row) string {
	for _, r := range rows {
		if r.balance != "" {
			return r.balance
		}
	}
	return ""
}

// unanimous returns what all rows say, or "" when they differ.
func unanimous(rows []row, field func(row) string) string {
	if len(rows) == 0 || slices.ContainsFunc(rows, func(r row) bool { return field(r) != field(rows[0]) }) {
		return ""
	}
	return field(rows[0])
}

// dropDuplicates keeps the first of the rows that would be dialled alike.
func dropDuplicates(all []ranked) []row {
	type dial struct{ key, apn, user, password, auth, family, roaming string }
	seen := make(map[dial]bool)
	var rows []row
	for _, r := range all {
		d := dial{r.key, r.apn, r.user, r.password, r.auth, r.family, r.roaming}
		if !seen[d] {
			seen[d] = true
			rows = append(rows, r.row)
		}
	}
	return rows
}
