package mbim

import (
	"fmt"
	"strings"
	"testing"
)

// TestServiceUUIDs compares with the text forms of the specifications.
func TestServiceUUIDs(t *testing.T) {
	for text, c := range map[string]struct {
		uuid UUID
		name string
	}{
		"a289cc33-bcbb-8b4f-b6b0-133ec2aae6df": {ServiceBasicConnect, "basic-connect"},
		"533fbeeb-14fe-4467-9f90-33a223e56c3f": {ServiceSMS, "sms"},
		"e550a0c8-5e82-479e-82f7-10abf4c3351f": {ServiceUSSD, "ussd"},
		"4bf38476-1e6a-41db-b1d8-bed289c25bdb": {ServicePhonebook, "phonebook"},
		"d8f20131-fcb5-4e17-8602-d6ed3816164c": {ServiceSTK, "stk"},
		"1d2b5ff7-0aa1-48b2-aa52-50f15767174e": {ServiceAuth, "auth"},
		"c08a26dd-7718-4382-8482-6e0d583c4d0e": {ServiceDSS, "dss"},
		"3d01dcc5-fef5-4d05-0d3a-bef7058e9aaf": {ServiceMSExtensions, "ms-basic-connect-extensions"},
		"c2f6588e-f037-4bc9-8665-f4d44bd09367": {ServiceMSUICC, "ms-uicc-low-level"},
		"e9f7dea2-feaf-4009-93ce-90a3694103b6": {ServiceMSFirmwareID, "ms-firmware-id"},
		"883b7c26-985f-43fa-9804-27d7fb80959c": {ServiceMSHostShutdown, "ms-host-shutdown"},
		"68223d04-9f6c-4e0f-822d-28441fb72340": {ServiceMSSAR, "ms-sar"},
		"8d8b9eba-37be-449b-8f1e-61cb034a702e": {ServiceMSVoice, "ms-voice-extensions"},
		"d1a30bc2-f97a-6e43-bf65-c7e24fb0f0d3": {ServiceQMI, "qmi"},
		"6427015f-579d-48f5-8c54-f43ed1e76f83": {ServiceQDU, "qdu"},
		"11223344-5566-7788-99aa-bbccddeeff11": {ServiceQuectel, "quectel"},
		"ffffffff-abca-4b11-a4e2-f2fc87f94488": {ServiceFibocom, "fibocom"},
		"a2a32a97-cab1-4f57-9ae1-451c74dda957": {ServiceCompal, "compal"},
		"da138c64-6515-4893-92b2-a1e1ca7c81ca": {ServiceIntelAT, "intel-at"},
		"f85d46ef-ab26-4081-9868-4d183c0a3aec": {ServiceIntelMutualAuth, "intel-mutual-auth"},
		"5967bdcc-7fd2-49a2-9f5c-b2e70e527db3": {ServiceATDS, "atds"},
		"00000000-0000-0000-0000-000000000001": {UUID{15: 1}, "00000000-0000-0000-0000-000000000001"},
	} {
		if c.uuid.String() != text || ServiceName(c.uuid) != c.name {
			t.Errorf("%v is named %s, want %s named %s", c.uuid, ServiceName(c.uuid), text, c.name)
		}
	}
}

func TestContextUUIDs(t *testing.T) {
	for text, uuid := range map[string]UUID{
		"7e5e2a7e-4e6f-7272-736b-656e7e5e2a7e": ContextInternet,
		"b43f758c-a560-4b46-b35e-c5869641fb54": ContextNone,
		"9b9f7bbe-8952-44b7-83ac-ca41318df7a0": ContextVPN,
		"88918294-0ef4-4396-8cca-a8588fbc02b2": ContextVoice,
		"05a2a716-7c34-4b4d-9a91-c5ef0c7aaacc": ContextVideoShare,
		"b3272496-ac6c-422b-a8c0-acf687a27217": ContextPurchase,
		"21610d01-3074-4bce-9425-b53a07d697d6": ContextIMS,
		"46726664-7269-6bc6-9624-d1d35389aca9": ContextMMS,
		"5e4e0601-48dc-4e2b-acb8-08b4016bbaac": ContextTethering,
	} {
		if uuid.String() != text {
			t.Errorf("%v, want %s", uuid, text)
		}
	}
}

func TestCIDNames(t *testing.T) {
	for _, c := range []struct {
		service UUID
		cid     uint32
		want    string
	}{
		{ServiceBasicConnect, 1, "device-caps"},
		{ServiceBasicConnect, 15, "ip-configuration"},
		{ServiceBasicConnect, 24, "multicarrier-providers"},
		{ServiceBasicConnect, 17, "cid 17"},
		{ServiceMSExtensions, 3, "lte-attach-config"},
		{ServiceMSExtensions, 19, "wake-reason"},
		{ServiceMSUICC, 9, "read-binary"},
		{ServiceSMS, 5, "store-status"},
		{ServiceQMI, 1, "cid 1"},
	} {
		if got := CIDName(c.service, c.cid); got != c.want {
			t.Errorf("%s %d: %s, want %s", ServiceName(c.service), c.cid, got, c.want)
		}
	}
}

// Names must be unique, or a log line could mean two things.
func TestNamesAreUnique(t *testing.T) {
	for _, service := range []UUID{ServiceBasicConnect, ServiceMSExtensions, ServiceMSUICC, ServiceSMS} {
		seen := map[string]uint32{}
		for cid := range uint32(64) {
			name := CIDName(service, cid)
			if other, ok := seen[name]; ok {
				t.Errorf("%s: %d and %d are both %s", ServiceName(service), other, cid, name)
			}
			seen[name] = cid
		}
	}
	seen := map[string]uint32{}
	for status := range uint32(200) {
		name := StatusName(status)
		if other, ok := seen[name]; ok {
			t.Errorf("status %d and %d are both %s", other, status, name)
		}
		seen[name] = status
	}
}

func TestStatusNames(t *testing.T) {
	for status, want := range map[uint32]string{
		StatusOK: "ok", StatusPINRequired: "PIN required", StatusNoDeviceSupport: "no device support",
		StatusInvalidAccessString: "invalid access string", StatusContextNotSupported: "context not supported",
		24: "status 24", 39: "status 39", 100: "unknown SMSC address", 104: "SMS format not supported",
		0x87430003: "invalid logical channel", 0xFFFFFFFF: "status 4294967295",
	} {
		if got := StatusName(status); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}

func TestRefusalText(t *testing.T) {
	for want, m := range map[string]Message{
		"mbim: open: busy":              {Type: TypeOpenDone, Status: StatusBusy},
		"mbim: close: failure":          {Type: TypeCloseDone, Status: StatusFailure},
		"mbim: connect: not registered": {Type: TypeCommandDone, Service: ServiceBasicConnect, CID: CIDConnect, Status: StatusNotRegistered},
	} {
		if err := m.Refusal(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := (Message{Type: TypeCommandDone}).Refusal(); err != nil {
		t.Error(err)
	}
}

func TestStateNames(t *testing.T) {
	for want, state := range map[string]fmt.Stringer{
		"initialised": ReadyInitialized, "no eSIM profile": ReadyNoProfile, "unknown (8)": ReadyState(8),
		"PIN1": PIN1, "PUK1": PUK1, "ADM": PINADM,
		"denied": RegisterDenied, "partner": RegisterPartner,
		"attached": PacketAttached, "activated": ActivationActivated, "deactivating": ActivationDeactivating,
		"ipv4v6": IPv4v6, "unknown (4294967295)": IPType(0xFFFFFFFF),
	} {
		if got := state.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestBestDataClass(t *testing.T) {
	for class, want := range map[DataClass]string{
		0: "", DataGPRS: "gprs", DataGPRS | DataEDGE: "edge", DataUMTS: "umts", DataUMTS | DataHSUPA: "hspa",
		DataHSDPA: "hspa", 0x3F: "lte", DataLTE | Data5GNSA: "5g-nsa", Data5GNSA | Data5GSA: "5g-sa",
		1 << 16: "cdma", DataCustom: "custom",
	} {
		if got := class.Best(); got != want {
			t.Errorf("%#x: %s, want %s", uint32(class), got, want)
		}
	}
}

func TestSignalCodes(t *testing.T) {
	const unknown = "unknown"
	decode := func(decoder func(uint32) (int, bool), code uint32) string {
		value, ok := decoder(code)
		if !ok {
			return unknown
		}
		return fmt.Sprint(value)
	}
	for _, c := range []struct {
		name    string
		decoder func(uint32) (int, bool)
		want    map[uint32]string
	}{
		{"RSSI", RSSIdBm, map[uint32]string{0: "-113", 17: "-79", 31: "-51", 32: unknown, 99: unknown, 0xFFFFFFFF: unknown}},
		{"RSRP", RSRPdBm, map[uint32]string{0: "-156", 60: "-96", 126: "-30", 127: unknown, 0xFFFFFFFF: unknown}},
		{"SNR", SNRTenths, map[uint32]string{0: "-230", 46: "0", 60: "70", 127: "405", 128: unknown, 0xFFFFFFFF: unknown}},
	} {
		for code, want := range c.want {
			if got := decode(c.decoder, code); got != want {
				t.Errorf("%s code %d: %s, want %s", c.name, code, got, want)
			}
		}
	}
}

func TestUSIMApplicationIsACopy(t *testing.T) {
	USIMApplication()[0] = 0
	if got := fmt.Sprintf("%X", USIMApplication()); !strings.HasPrefix(got, "A000000087") {
		t.Error(got)
	}
}
