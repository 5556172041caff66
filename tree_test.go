// Package tetherd_test holds the tests that are about the whole tree: imports
// point one way, every package says what it is for, deciding code touches nothing.
package tetherd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tetherd/tetherd/"

// layers lists the folders from the top down. A package may import what stands in
// a lower layer, and its own subpackages; never its own layer.
var layers = [][]string{
	{"cmd/tetherd"},
	{"ubus", "web"},
	{"api"},
	{"control"},
	{"doctor"},
	{"plan"},
	{"provision"},
	{"provision/document"},
	{"config", "link", "modem", "nat", "dhcp", "dns", "probe", "hostapd", "fetch", "clock"},
	{"modem/mbim", "ubus/wire", "wpa", "holder", "linkwatch"},
	{"secret", "qr", "save", "egress"},
}

// pure lists the files and packages that must not touch the world.
var pure = []string{"qr", "plan", "doctor", "provision", "provision/document", "modem/mbim/buffer.go", "modem/session.go", "ubus/wire", "wpa"}

// effects are imports that touch the world.
var effects = []string{"os", "os/exec", "net", "net/http", "syscall", "golang.org/x/sys/unix", "log", "log/slog", "sync"}

// source is one parsed file with the folder it is in.
type source struct {
	dir, file string
	ast       *ast.File
}

func sources(t *testing.T, mode parser.Mode) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && (p == "vendor" || strings.HasPrefix(p, ".") && p != ".") {
			return fs.SkipDir // others' modules in a release, and what was built
		}
		if err != nil || !strings.HasSuffix(p, ".go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, mode)
		out = append(out, source{path.Dir(filepath.ToSlash(p)), path.Base(p), f})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d files found: the walk is broken", len(out))
	}
	return out
}

func imports(f *ast.File) []string {
	var out []string
	for _, i := range f.Imports {
		out = append(out, strings.Trim(i.Path.Value, `"`))
	}
	return out
}

func layer(dir string) int {
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, dir) })
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t, parser.ImportsOnly) {
		from := layer(s.dir)
		if from < 0 || strings.HasSuffix(s.file, "_test.go") {
			continue
		}
		for _, imp := range imports(s.ast) {
			dir, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			if to := layer(dir); to < 0 || to <= from {
				t.Errorf("%s/%s imports %s, which is not below it", s.dir, s.file, dir)
			}
		}
	}
}

func TestEveryFolderHasItsLayer(t *testing.T) {
	for _, s := range sources(t, parser.ImportsOnly) {
		free := s.dir == "." || s.dir == "cmd/tetherd-lab" || strings.HasPrefix(s.dir, "lab") || strings.HasPrefix(s.dir, "tools/") || s.dir == "openwrt" || s.dir == "buildroot"
		if !free && layer(s.dir) < 0 {
			t.Errorf("%s is in no layer", s.dir)
		}
	}
}

func TestProductDoesNotImportLab(t *testing.T) {
	for _, s := range sources(t, parser.ImportsOnly) {
		if layer(s.dir) < 0 || strings.HasSuffix(s.file, "_test.go") {
			continue
		}
		for _, imp := range imports(s.ast) {
			if strings.HasPrefix(imp, module+"lab") || strings.HasPrefix(imp, module+"tools") {
				t.Errorf("%s/%s imports %s", s.dir, s.file, imp)
			}
		}
	}
}

func TestDecidingCodeTouchesNothing(t *testing.T) {
	checked := 0
	for _, s := range sources(t, 0) {
		if strings.HasSuffix(s.file, "_test.go") || !slices.ContainsFunc(pure, func(p string) bool { return s.dir == p || s.dir+"/"+s.file == p }) {
			continue
		}
		checked++
		for _, imp := range imports(s.ast) {
			if slices.Contains(effects, imp) {
				t.Errorf("%s/%s imports %s", s.dir, s.file, imp)
			}
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s/%s starts a goroutine at %d", s.dir, s.file, g.Pos())
			}
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Sleep"}, sel.Sel.Name) {
					t.Errorf("%s/%s reads the clock: time.%s", s.dir, s.file, sel.Sel.Name)
				}
			}
			return true
		})
	}
	if checked < 5 {
		t.Fatalf("only %d pure files were found", checked)
	}
}

func TestOnePackageCommentEach(t *testing.T) {
	comments := map[string]int{}
	for _, s := range sources(t, parser.ParseComments|parser.PackageClauseOnly) {
		if strings.HasSuffix(s.file, "_test.go") {
			continue
		}
		if s.ast.Doc != nil {
			comments[s.dir]++
		} else {
			comments[s.dir] += 0
		}
	}
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, n)
		}
	}
}

func TestNoPackageState(t *testing.T) {
	for _, s := range sources(t, 0) {
		if layer(s.dir) < 0 || strings.HasSuffix(s.file, "_test.go") {
			continue
		}
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s/%s has an init function", s.dir, s.file)
			}
		}
	}
}

// TestSortedByOneFunction: each type that slices.SortFunc sorts brings 8 KiB of its own to
// a MIPS binary, sort.Slice is there once for all. Lists here are short.
func TestSortedByOneFunction(t *testing.T) {
	for _, s := range sources(t, 0) {
		if layer(s.dir) < 0 || strings.HasSuffix(s.file, "_test.go") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"SortFunc", "SortStableFunc", "SortedFunc"}, sel.Sel.Name) {
				t.Errorf("%s/%s sorts with %s: use sort.Slice", s.dir, s.file, sel.Sel.Name)
			}
			return true
		})
	}
}
