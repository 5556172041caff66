package hostapd

import (
	"testing"

	"github.com/tetherd/tetherd/lab/nstest"
)

func TestInterfaceAndItsBridge(t *testing.T) {
	if !nstest.Alone(t) {
		return
	}
	look := func(name string, up, port bool) netif {
		t.Helper()
		f, err := interfaceOf(name)
		if err != nil || f.index == 0 || f.up != up || (f.master != 0) != port {
			t.Errorf("%s is %+v, %v", name, f, err)
		}
		return f
	}
	nstest.Run(t, "ip link add br0 type bridge", "ip link add wlan0 type veth peer name far0")
	look("wlan0", false, false)
	nstest.Run(t, "ip link set wlan0 master br0 up")
	if w := look("wlan0", true, true); w.master != look("br0", false, false).index {
		t.Errorf("its bridge is %d", w.master)
	}
	for range 2 { // the second time there is nothing to do
		if err := releaseInterface("wlan0"); err != nil {
			t.Error(err)
		}
		look("wlan0", false, false)
	}
	if err := releaseInterface("no-such-device"); err != nil {
		t.Error(err)
	}
	if f, err := interfaceOf("no-such-device"); err != nil || f != (netif{}) {
		t.Errorf("what is not there is %+v, %v", f, err)
	}
	if f, err := interfaceOf("a name that no interface can have"); err == nil {
		t.Errorf("an impossible name is %+v", f)
	}
}
