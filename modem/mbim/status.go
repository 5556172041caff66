package mbim

import "fmt"

// The status codes of OPEN_DONE, CLOSE_DONE and COMMAND_DONE (MBIM 9.4.5) that
// somebody may want to tell apart. StatusName knows the others too.
const (
	StatusOK                     uint32 = 0
	StatusBusy                   uint32 = 1
	StatusFailure                uint32 = 2
	StatusSIMNotInserted         uint32 = 3
	StatusBadSIM                 uint32 = 4
	StatusPINRequired            uint32 = 5
	StatusPINDisabled            uint32 = 6
	StatusNotRegistered          uint32 = 7
	StatusProvidersNotFound      uint32 = 8
	StatusNoDeviceSupport        uint32 = 9
	StatusProviderNotVisible     uint32 = 10
	StatusDataClassUnavailable   uint32 = 11
	StatusPacketServiceDetached  uint32 = 12
	StatusMaxActivatedContexts   uint32 = 13
	StatusNotInitialized         uint32 = 14
	StatusContextNotActivated    uint32 = 16
	StatusServiceNotActivated    uint32 = 17
	StatusInvalidAccessString    uint32 = 18
	StatusInvalidUserPassword    uint32 = 19
	StatusRadioPowerOff          uint32 = 20
	StatusInvalidParameters      uint32 = 21
	StatusReadFailure            uint32 = 22
	StatusWriteFailure           uint32 = 23
	StatusOperationNotAllowed    uint32 = 28
	StatusInvalidDeviceOperation uint32 = 34
	StatusContextNotSupported    uint32 = 38
)

// StatusName is a short lower-case name of a status code; an unknown one is
// "status 99".
func StatusName(status uint32) string {
	if names := lowStatus(); status < uint32(len(names)) && names[status] != "" {
		return names[status]
	}
	switch status {
	case 100:
		return "unknown SMSC address"
	case 101:
		return "SMS network time-out"
	case 102:
		return "SMS language not supported"
	case 103:
		return "SMS encoding not supported"
	case 104:
		return "SMS format not supported"
	case 0x87430001:
		return "no logical channels"
	case 0x87430002:
		return "SELECT failed"
	case 0x87430003:
		return "invalid logical channel"
	}
	return fmt.Sprintf("status %d", status)
}

// lowStatus lists the names of the codes from 0 on.
func lowStatus() []string {
	return []string{
		0:  "ok",
		1:  "busy",
		2:  "failure",
		3:  "SIM not inserted",
		4:  "bad SIM",
		5:  "PIN required",
		6:  "PIN disabled",
		7:  "not registered",
		8:  "providers not found",
		9:  "no device support",
		10: "provider not visible",
		11: "data class not available",
		12: "packet service detached",
		13: "maximum of activated contexts",
		14: "not initialised",
		15: "voice call in progress",
		16: "context not activated",
		17: "service not activated",
		18: "invalid access string",
		19: "invalid user name or password",
		20: "radio power off",
		21: "invalid parameters",
		22: "read failure",
		23: "write failure",
		25: "no phonebook",
		26: "parameter too long",
		27: "SIM toolkit busy",
		28: "operation not allowed",
		29: "memory failure",
		30: "invalid memory index",
		31: "memory full",
		32: "filter not supported",
		33: "device service stream limit",
		34: "invalid device service operation",
		35: "authentication: wrong AUTN",
		36: "authentication: synchronisation failed",
		37: "authentication: AMF bit not set",
		38: "context not supported",
	}
}

// StatusError is a refusal by the modem: the answer came, with a status other
// than 0. Its buffer may still hold the reason.
type StatusError struct {
	Type    MessageType // TypeCommandDone, TypeOpenDone or TypeCloseDone
	Service UUID        // of a command
	CID     uint32      // of a command
	Status  uint32
}

// Error names what was refused, and why.
func (e *StatusError) Error() string {
	switch e.Type {
	case TypeOpenDone:
		return "mbim: open: " + StatusName(e.Status)
	case TypeCloseDone:
		return "mbim: close: " + StatusName(e.Status)
	}
	return "mbim: " + CIDName(e.Service, e.CID) + ": " + StatusName(e.Status)
}

// Refusal is a *StatusError when the message carries a status other than 0, else
// nil. Read the information buffer, where there is one, whatever it says.
func (m Message) Refusal() error {
	if m.Status == StatusOK {
		return nil
	}
	return &StatusError{Type: m.Type, Service: m.Service, CID: m.CID, Status: m.Status}
}
