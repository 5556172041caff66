package qr

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// picture writes a code as a scanner sees it.
func picture(t *testing.T, c Code) string {
	t.Helper()
	const scale, quiet = 3, 4
	n := (len(c) + 2*quiet) * scale
	img := image.NewGray(image.Rect(0, 0, n, n))
	for y := range n {
		for x := range n {
			cx, cy := x/scale-quiet, y/scale-quiet
			if !(cx >= 0 && cy >= 0 && cx < len(c) && cy < len(c) && c[cy][cx]) {
				img.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "code.png")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestScannersRead: zbar, which is somebody else's, reads every version, at both ends of
// what it holds.
func TestScannersRead(t *testing.T) {
	for version := 1; version <= maxVersion; version++ {
		most := (8*dataBytes(version) - bitLength(version, 0)) / 8
		for _, n := range []int{most - version%3} {
			text := strings.Repeat("WIFI:T:WPA;S:Lab;P:ab12;;", 20)[:n]
			code, err := Encode(text)
			if err != nil {
				t.Fatal(err)
			}
			if len(code) != 17+4*version {
				t.Errorf("%d bytes make %d modules", n, len(code))
			}
			out, err := exec.Command("zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", picture(t, code)).Output()
			if got := strings.TrimSuffix(string(out), "\n"); err != nil || got != text {
				t.Errorf("version %d, %d bytes: read as %q, %v", version, n, got, err)
			}
		}
	}
}

func TestTooLong(t *testing.T) {
	if _, err := Encode(strings.Repeat("x", 332)); err == nil {
		t.Error("a text that no code holds is drawn")
	}
	if _, err := Encode(strings.Repeat("x", 331)); err != nil {
		t.Error(err)
	}
}

// TestTerminal: what a terminal shows is the code with light around it.
func TestTerminal(t *testing.T) {
	code, _ := Encode("a")
	lines := strings.Split(strings.TrimSuffix(code.Terminal(), "\n"), "\n")
	if len(lines) != (len(code)+4+1)/2 {
		t.Fatalf("%d lines", len(lines))
	}
	for y := range len(code) {
		row := []rune(lines[(y+2)/2])
		if len(row) != len(code)+4 {
			t.Fatalf("line %d has %d letters", y, len(row))
		}
		for x := range len(code) {
			light := map[rune][2]bool{'█': {true, true}, '▄': {false, true}, '▀': {true, false}, ' ': {false, false}}[row[x+2]][(y+2)%2]
			if light == code[y][x] {
				t.Fatalf("module %d,%d is shown wrong", x, y)
			}
		}
	}
}

// FuzzEncode: any text is drawn whole or refused.
func FuzzEncode(f *testing.F) {
	f.Add("")
	f.Add("WIFI:T:WPA;S:Lab;P:secret12;;")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := Encode(text)
		if (err != nil) != (len(text) > 331) {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		if err == nil && (len(code) < 21 || len(code) > 17+4*maxVersion || strings.Count(code.String(), "\n") != len(code)-1) {
			t.Fatal(fmt.Sprint(len(code)))
		}
	})
}
