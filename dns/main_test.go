package dns

import (
	"testing"

	"github.com/tetherd/tetherd/lab/nstest"
)

// TestMain runs the tests where loopback is all there is and port 53 is free.
func TestMain(m *testing.M) { nstest.Main(m) }
