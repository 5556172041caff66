package control

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/tetherd/tetherd/doctor"
)

// Bounds of the diary.
const (
	maxDiary   = 256 << 10   // bytes of the file
	diaryDelay = time.Minute // after which what is new is written, for flash's sake
	diaryRest  = time.Hour   // and the longest, where writes follow each other
)

// diary keeps what the doctor has found over restarts.
type diary struct {
	path    string
	written []doctor.Episode
	due     time.Time // when to write; zero when the file is up to date
	at      time.Time // of the last write
	delay   time.Duration
}

// openDiary reads what a former process found. What cannot be read is told and begun anew.
func openDiary(dir string, log *slog.Logger) diary {
	d := diary{path: filepath.Join(dir, "diagnoses")}
	info, err := os.Stat(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return d
	}
	var text []byte
	switch {
	case err != nil:
	case info.Size() > maxDiary:
		err = errors.New("it is too long")
	default:
		text, err = os.ReadFile(d.path)
	}
	if err == nil {
		err = json.Unmarshal(text, &d.written)
	}
	if err != nil {
		log.Warn("the doctor's history cannot be read", "err", err)
		d.written = nil
	}
	d.written = doctor.Sound(d.written)
	return d
}

// note writes a history down when it is due, and returns when it will be.
func (d *diary) note(history []doctor.Episode, now time.Time, log *slog.Logger) time.Time {
	switch {
	case len(history) == len(d.written) && (len(history) == 0 || reflect.DeepEqual(history, d.written)):
		d.due = time.Time{}
	case d.due.IsZero():
		d.delay = spaced(d.delay, now.Sub(d.at))
		d.due = now.Add(d.delay)
	case !now.Before(d.due):
		d.write(history, log)
		d.at = now
	}
	return d.due
}

// spaced is how long a write waits, after one that waited so long and was so long ago: a
// fault that comes and goes does not wear the flash out.
func spaced(delay, ago time.Duration) time.Duration {
	if delay == 0 || ago > 4*delay {
		return diaryDelay
	}
	return min(2*delay, diaryRest)
}

// write writes it now.
func (d *diary) write(history []doctor.Episode, log *slog.Logger) {
	if d.due.IsZero() {
		return
	}
	text, err := json.Marshal(history)
	if err == nil {
		err = writeFile(d.path, text)
	}
	if err != nil {
		log.Error("the doctor's history cannot be written", "err", err)
	}
	d.written, d.due = history, time.Time{} // also after a failure: it is tried again with what comes next
}
