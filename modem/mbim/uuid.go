package mbim

import (
	"encoding/hex"
	"fmt"
)

// UUID names a service or a context type. It stands on the wire in text order.
type UUID [16]byte

// String is the usual form, such as a289cc33-bcbb-8b4f-b6b0-133ec2aae6df.
func (u UUID) String() string {
	s := hex.EncodeToString(u[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// The services: of MBIM 10.1, Microsoft's, and vendors'. They are not to be changed.
var (
	ServiceBasicConnect    = UUID{0xa2, 0x89, 0xcc, 0x33, 0xbc, 0xbb, 0x8b, 0x4f, 0xb6, 0xb0, 0x13, 0x3e, 0xc2, 0xaa, 0xe6, 0xdf} // the service of MBIM 1.0 that all modems have
	ServiceSMS             = UUID{0x53, 0x3f, 0xbe, 0xeb, 0x14, 0xfe, 0x44, 0x67, 0x9f, 0x90, 0x33, 0xa2, 0x23, 0xe5, 0x6c, 0x3f} // short messages
	ServiceUSSD            = UUID{0xe5, 0x50, 0xa0, 0xc8, 0x5e, 0x82, 0x47, 0x9e, 0x82, 0xf7, 0x10, 0xab, 0xf4, 0xc3, 0x35, 0x1f} // supplementary service codes
	ServicePhonebook       = UUID{0x4b, 0xf3, 0x84, 0x76, 0x1e, 0x6a, 0x41, 0xdb, 0xb1, 0xd8, 0xbe, 0xd2, 0x89, 0xc2, 0x5b, 0xdb}
	ServiceSTK             = UUID{0xd8, 0xf2, 0x01, 0x31, 0xfc, 0xb5, 0x4e, 0x17, 0x86, 0x02, 0xd6, 0xed, 0x38, 0x16, 0x16, 0x4c} // SIM toolkit
	ServiceAuth            = UUID{0x1d, 0x2b, 0x5f, 0xf7, 0x0a, 0xa1, 0x48, 0xb2, 0xaa, 0x52, 0x50, 0xf1, 0x57, 0x67, 0x17, 0x4e} // AKA authentication
	ServiceDSS             = UUID{0xc0, 0x8a, 0x26, 0xdd, 0x77, 0x18, 0x43, 0x82, 0x84, 0x82, 0x6e, 0x0d, 0x58, 0x3c, 0x4d, 0x0e} // device service streams
	ServiceMSExtensions    = UUID{0x3d, 0x01, 0xdc, 0xc5, 0xfe, 0xf5, 0x4d, 0x05, 0x0d, 0x3a, 0xbe, 0xf7, 0x05, 0x8e, 0x9a, 0xaf} // Microsoft's basic connect extensions
	ServiceMSUICC          = UUID{0xc2, 0xf6, 0x58, 0x8e, 0xf0, 0x37, 0x4b, 0xc9, 0x86, 0x65, 0xf4, 0xd4, 0x4b, 0xd0, 0x93, 0x67} // Microsoft's UICC low level access
	ServiceMSFirmwareID    = UUID{0xe9, 0xf7, 0xde, 0xa2, 0xfe, 0xaf, 0x40, 0x09, 0x93, 0xce, 0x90, 0xa3, 0x69, 0x41, 0x03, 0xb6}
	ServiceMSHostShutdown  = UUID{0x88, 0x3b, 0x7c, 0x26, 0x98, 0x5f, 0x43, 0xfa, 0x98, 0x04, 0x27, 0xd7, 0xfb, 0x80, 0x95, 0x9c}
	ServiceMSSAR           = UUID{0x68, 0x22, 0x3d, 0x04, 0x9f, 0x6c, 0x4e, 0x0f, 0x82, 0x2d, 0x28, 0x44, 0x1f, 0xb7, 0x23, 0x40} // specific absorption rate
	ServiceMSVoice         = UUID{0x8d, 0x8b, 0x9e, 0xba, 0x37, 0xbe, 0x44, 0x9b, 0x8f, 0x1e, 0x61, 0xcb, 0x03, 0x4a, 0x70, 0x2e} // carries network time
	ServiceQMI             = UUID{0xd1, 0xa3, 0x0b, 0xc2, 0xf9, 0x7a, 0x6e, 0x43, 0xbf, 0x65, 0xc7, 0xe2, 0x4f, 0xb0, 0xf0, 0xd3} // QMI over MBIM (Qualcomm)
	ServiceQDU             = UUID{0x64, 0x27, 0x01, 0x5f, 0x57, 0x9d, 0x48, 0xf5, 0x8c, 0x54, 0xf4, 0x3e, 0xd1, 0xe7, 0x6f, 0x83} // Quectel's AT tunnel and updates
	ServiceQuectel         = UUID{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x11} // Quectel's radio state
	ServiceFibocom         = UUID{0xff, 0xff, 0xff, 0xff, 0xab, 0xca, 0x4b, 0x11, 0xa4, 0xe2, 0xf2, 0xfc, 0x87, 0xf9, 0x44, 0x88} // Fibocom's AT tunnel
	ServiceCompal          = UUID{0xa2, 0xa3, 0x2a, 0x97, 0xca, 0xb1, 0x4f, 0x57, 0x9a, 0xe1, 0x45, 0x1c, 0x74, 0xdd, 0xa9, 0x57} // Compal's AT tunnel
	ServiceIntelAT         = UUID{0xda, 0x13, 0x8c, 0x64, 0x65, 0x15, 0x48, 0x93, 0x92, 0xb2, 0xa1, 0xe1, 0xca, 0x7c, 0x81, 0xca} // Intel's AT tunnel
	ServiceIntelMutualAuth = UUID{0xf8, 0x5d, 0x46, 0xef, 0xab, 0x26, 0x40, 0x81, 0x98, 0x68, 0x4d, 0x18, 0x3c, 0x0a, 0x3a, 0xec} // Intel's FCC lock
	ServiceATDS            = UUID{0x59, 0x67, 0xbd, 0xcc, 0x7f, 0xd2, 0x49, 0xa2, 0x9f, 0x5c, 0xb2, 0xe7, 0x0e, 0x52, 0x7d, 0xb3} // AT&T's device service
)

// The context types (MBIM 10.5.12.1.2). They are not to be changed.
var (
	ContextInternet   = UUID{0x7e, 0x5e, 0x2a, 0x7e, 0x4e, 0x6f, 0x72, 0x72, 0x73, 0x6b, 0x65, 0x6e, 0x7e, 0x5e, 0x2a, 0x7e}
	ContextNone       = UUID{0xb4, 0x3f, 0x75, 0x8c, 0xa5, 0x60, 0x4b, 0x46, 0xb3, 0x5e, 0xc5, 0x86, 0x96, 0x41, 0xfb, 0x54}
	ContextVPN        = UUID{0x9b, 0x9f, 0x7b, 0xbe, 0x89, 0x52, 0x44, 0xb7, 0x83, 0xac, 0xca, 0x41, 0x31, 0x8d, 0xf7, 0xa0}
	ContextVoice      = UUID{0x88, 0x91, 0x82, 0x94, 0x0e, 0xf4, 0x43, 0x96, 0x8c, 0xca, 0xa8, 0x58, 0x8f, 0xbc, 0x02, 0xb2}
	ContextVideoShare = UUID{0x05, 0xa2, 0xa7, 0x16, 0x7c, 0x34, 0x4b, 0x4d, 0x9a, 0x91, 0xc5, 0xef, 0x0c, 0x7a, 0xaa, 0xcc}
	ContextPurchase   = UUID{0xb3, 0x27, 0x24, 0x96, 0xac, 0x6c, 0x42, 0x2b, 0xa8, 0xc0, 0xac, 0xf6, 0x87, 0xa2, 0x72, 0x17}
	ContextIMS        = UUID{0x21, 0x61, 0x0d, 0x01, 0x30, 0x74, 0x4b, 0xce, 0x94, 0x25, 0xb5, 0x3a, 0x07, 0xd6, 0x97, 0xd6}
	ContextMMS        = UUID{0x46, 0x72, 0x66, 0x64, 0x72, 0x69, 0x6b, 0xc6, 0x96, 0x24, 0xd1, 0xd3, 0x53, 0x89, 0xac, 0xa9}
	ContextTethering  = UUID{0x5e, 0x4e, 0x06, 0x01, 0x48, 0xdc, 0x4e, 0x2b, 0xac, 0xb8, 0x08, 0xb4, 0x01, 0x6b, 0xba, 0xac}
)

// The commands (CIDs) of ServiceBasicConnect (MBIM 10.5).
const (
	CIDDeviceCaps            uint32 = 1
	CIDSubscriberReady       uint32 = 2
	CIDRadioState            uint32 = 3
	CIDPIN                   uint32 = 4
	CIDPINList               uint32 = 5
	CIDHomeProvider          uint32 = 6
	CIDPreferredProviders    uint32 = 7
	CIDVisibleProviders      uint32 = 8
	CIDRegisterState         uint32 = 9
	CIDPacketService         uint32 = 10
	CIDSignalState           uint32 = 11
	CIDConnect               uint32 = 12
	CIDProvisionedContexts   uint32 = 13
	CIDServiceActivation     uint32 = 14
	CIDIPConfiguration       uint32 = 15
	CIDDeviceServices        uint32 = 16
	CIDSubscribeList         uint32 = 19
	CIDPacketStatistics      uint32 = 20
	CIDNetworkIdleHint       uint32 = 21
	CIDEmergencyMode         uint32 = 22
	CIDIPPacketFilters       uint32 = 23
	CIDMulticarrierProviders uint32 = 24
)

// The commands of ServiceMSExtensions.
const (
	CIDMSProvisionedContexts    uint32 = 1
	CIDMSLTEAttachConfig        uint32 = 3
	CIDMSLTEAttachInfo          uint32 = 4
	CIDMSSystemCaps             uint32 = 5
	CIDMSDeviceCaps             uint32 = 6
	CIDMSSlotMappings           uint32 = 7
	CIDMSSlotInfo               uint32 = 8
	CIDMSPCO                    uint32 = 9
	CIDMSDeviceReset            uint32 = 10
	CIDMSBaseStations           uint32 = 11
	CIDMSLocationInfo           uint32 = 12
	CIDMSVersion                uint32 = 15
	CIDMSModemConfig            uint32 = 16
	CIDMSRegistrationParameters uint32 = 17
	CIDMSWakeReason             uint32 = 19
)

// The commands of ServiceMSUICC.
const (
	CIDUICCATR                uint32 = 1
	CIDUICCOpenChannel        uint32 = 2
	CIDUICCCloseChannel       uint32 = 3
	CIDUICCAPDU               uint32 = 4
	CIDUICCTerminalCapability uint32 = 5
	CIDUICCReset              uint32 = 6
	CIDUICCApplicationList    uint32 = 7
	CIDUICCFileStatus         uint32 = 8
	CIDUICCReadBinary         uint32 = 9
	CIDUICCReadRecord         uint32 = 10
)

// The commands of ServiceSMS (MBIM 10.6).
const (
	CIDSMSConfig      uint32 = 1
	CIDSMSRead        uint32 = 2
	CIDSMSSend        uint32 = 3
	CIDSMSDelete      uint32 = 4
	CIDSMSStoreStatus uint32 = 5
)

// The commands of services that need but one.
const (
	CIDUSSD      uint32 = 1  // ServiceUSSD
	CIDQMI       uint32 = 1  // ServiceQMI
	CIDVoiceNITZ uint32 = 10 // ServiceMSVoice: network time
)

// ServiceName is a short name for logs; an unknown service is its UUID.
func ServiceName(service UUID) string {
	switch service {
	case ServiceBasicConnect:
		return "basic-connect"
	case ServiceSMS:
		return "sms"
	case ServiceUSSD:
		return "ussd"
	case ServicePhonebook:
		return "phonebook"
	case ServiceSTK:
		return "stk"
	case ServiceAuth:
		return "auth"
	case ServiceDSS:
		return "dss"
	case ServiceMSExtensions:
		return "ms-basic-connect-extensions"
	case ServiceMSUICC:
		return "ms-uicc-low-level"
	case ServiceMSFirmwareID:
		return "ms-firmware-id"
	case ServiceMSHostShutdown:
		return "ms-host-shutdown"
	case ServiceMSSAR:
		return "ms-sar"
	case ServiceMSVoice:
		return "ms-voice-extensions"
	case ServiceQMI:
		return "qmi"
	case ServiceQDU:
		return "qdu"
	case ServiceQuectel:
		return "quectel"
	case ServiceFibocom:
		return "fibocom"
	case ServiceCompal:
		return "compal"
	case ServiceIntelAT:
		return "intel-at"
	case ServiceIntelMutualAuth:
		return "intel-mutual-auth"
	case ServiceATDS:
		return "atds"
	}
	return service.String()
}

// CIDName is a short name of a command for logs, such as "connect"; an unknown
// one is "cid 99".
func CIDName(service UUID, cid uint32) string {
	var names []string
	switch service {
	case ServiceBasicConnect:
		names = basicConnectNames()
	case ServiceMSExtensions:
		names = msExtensionsNames()
	case ServiceMSUICC:
		names = uiccNames()
	case ServiceSMS:
		names = smsNames()
	}
	if uint64(cid) < uint64(len(names)) && names[cid] != "" {
		return names[cid]
	}
	return fmt.Sprintf("cid %d", cid)
}

func basicConnectNames() []string {
	return []string{
		CIDDeviceCaps:            "device-caps",
		CIDSubscriberReady:       "subscriber-ready",
		CIDRadioState:            "radio-state",
		CIDPIN:                   "pin",
		CIDPINList:               "pin-list",
		CIDHomeProvider:          "home-provider",
		CIDPreferredProviders:    "preferred-providers",
		CIDVisibleProviders:      "visible-providers",
		CIDRegisterState:         "register-state",
		CIDPacketService:         "packet-service",
		CIDSignalState:           "signal-state",
		CIDConnect:               "connect",
		CIDProvisionedContexts:   "provisioned-contexts",
		CIDServiceActivation:     "service-activation",
		CIDIPConfiguration:       "ip-configuration",
		CIDDeviceServices:        "device-services",
		CIDSubscribeList:         "subscribe-list",
		CIDPacketStatistics:      "packet-statistics",
		CIDNetworkIdleHint:       "network-idle-hint",
		CIDEmergencyMode:         "emergency-mode",
		CIDIPPacketFilters:       "ip-packet-filters",
		CIDMulticarrierProviders: "multicarrier-providers",
	}
}

func msExtensionsNames() []string {
	return []string{
		CIDMSProvisionedContexts:    "provisioned-contexts-v2",
		CIDMSLTEAttachConfig:        "lte-attach-config",
		CIDMSLTEAttachInfo:          "lte-attach-info",
		CIDMSSystemCaps:             "system-caps",
		CIDMSDeviceCaps:             "device-caps-v2",
		CIDMSSlotMappings:           "slot-mappings",
		CIDMSSlotInfo:               "slot-info-status",
		CIDMSPCO:                    "pco",
		CIDMSDeviceReset:            "device-reset",
		CIDMSBaseStations:           "base-stations-info",
		CIDMSLocationInfo:           "location-info",
		CIDMSVersion:                "version",
		CIDMSModemConfig:            "modem-configuration",
		CIDMSRegistrationParameters: "registration-parameters",
		CIDMSWakeReason:             "wake-reason",
	}
}

func uiccNames() []string {
	return []string{
		CIDUICCATR:                "atr",
		CIDUICCOpenChannel:        "open-channel",
		CIDUICCCloseChannel:       "close-channel",
		CIDUICCAPDU:               "apdu",
		CIDUICCTerminalCapability: "terminal-capability",
		CIDUICCReset:              "reset",
		CIDUICCApplicationList:    "application-list",
		CIDUICCFileStatus:         "file-status",
		CIDUICCReadBinary:         "read-binary",
		CIDUICCReadRecord:         "read-record",
	}
}

func smsNames() []string {
	return []string{
		CIDSMSConfig:      "config",
		CIDSMSRead:        "read",
		CIDSMSSend:        "send",
		CIDSMSDelete:      "delete",
		CIDSMSStoreStatus: "store-status",
	}
}
