package modem

import (
	"context"

	"github.com/tetherd/tetherd/modem/mbim"
)

// identity reads the home operator and, where the modem lets us read files of the
// SIM, what tells brands of one network apart. What cannot be read stays empty.
func (b *mbimBackend) identity(ctx context.Context, imsi Secret) (fact, *failure) {
	m, err := b.conn.Do(ctx, mbim.QueryHomeProvider())
	if err != nil {
		return nil, explain(ctx, err)
	}
	var out identity
	var plmn string
	if home, err := mbim.ParseHomeProvider(m.Info); err == nil && m.Refusal() == nil {
		out.home, plmn = home.Name, home.PLMN
	}
	out.early = imsi == "" || m.Status == mbim.StatusBusy || m.Status == mbim.StatusNotInitialized
	var digits int
	if b.services.Has(mbim.ServiceMSUICC, mbim.CIDUICCReadBinary) {
		ctx, cancel := context.WithTimeout(ctx, 3*timeoutExtra)
		defer cancel()
		app := b.usim(ctx)
		out.spn = decodeSPN(b.readFile(ctx, app, mbim.FileSPN, 17))
		out.gid1 = decodeGID(b.readFile(ctx, app, mbim.FileGID1, 16, 8, 4, 2, 1))
		digits = decodeAD(b.readFile(ctx, app, mbim.FileAD, 4))
	}
	out.mcc, out.mnc = homePLMN(string(imsi), digits, plmn)
	return out, nil
}

// usim finds the application whose files are read.
func (b *mbimBackend) usim(ctx context.Context) []byte {
	if !b.services.Has(mbim.ServiceMSUICC, mbim.CIDUICCApplicationList) {
		return mbim.USIMApplication()
	}
	ctx, cancel := context.WithTimeout(ctx, timeoutExtra)
	defer cancel()
	m, err := b.conn.Do(ctx, mbim.QueryUICCApplications())
	if err != nil || m.Refusal() != nil {
		return mbim.USIMApplication()
	}
	list, active, _ := mbim.ParseUICCApplications(m.Info)
	if active >= 0 && len(list[active].ID) > 0 {
		return list[active].ID
	}
	for _, app := range list {
		if app.Type == mbim.UICCTypeUSIM {
			return app.ID
		}
	}
	return mbim.USIMApplication()
}

// readFile reads the start of a file, in the first size that the card takes: a size
// beyond the file's end is refused by some.
func (b *mbimBackend) readFile(ctx context.Context, app []byte, file mbim.FileID, sizes ...uint32) []byte {
	const (
		success   = 0x9000
		endOfFile = 0x6282 // fewer bytes than asked for
	)
	for _, size := range sizes {
		one, cancel := context.WithTimeout(ctx, timeoutExtra)
		m, err := b.conn.Do(one, mbim.QueryUICCBinary(app, file, size))
		cancel()
		if err != nil {
			return nil // no answer, or no channel: another size does not help
		}
		data, err := mbim.ParseUICCData(m.Info)
		if err == nil && m.Refusal() == nil && (data.Status == success || data.Status == endOfFile) {
			return data.Data
		}
	}
	return nil
}
