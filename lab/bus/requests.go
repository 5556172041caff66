package bus

import (
	"slices"
	"strings"

	"github.com/tetherd/tetherd/ubus/wire"
)

// take does what a client wants and tells it the outcome.
func (d *Daemon) take(c *client, m wire.Message) {
	code, answered := wire.InvalidCommand, false
	switch m.Type {
	case wire.Ping:
		c.send(wire.Message{Type: wire.Data, Seq: m.Seq, Peer: m.Peer, Attrs: m.Attrs})
		code = wire.OK
	case wire.Lookup:
		code = d.lookup(c, m)
	case wire.AddObject:
		code = d.add(c, m)
	case wire.RemoveObject:
		code = d.removeFor(c, m)
	case wire.Subscribe:
		code = d.subscribe(c, m)
	case wire.Unsubscribe:
		code = d.unsubscribe(c, m)
	case wire.Invoke:
		code, answered = d.invoke(c, m)
	case wire.Notify:
		code, answered = d.notify(c, m)
	case wire.Data, wire.Status:
		d.respond(c, m)
		answered = true
	}
	if !answered {
		c.send(reply(m, wire.Status, wire.U32(wire.AttrStatus, uint32(code))))
	}
}

// reply is a message that answers m.
func reply(m wire.Message, typ wire.Type, attrs ...wire.Attr) wire.Message {
	return wire.Message{Type: typ, Seq: m.Seq, Peer: m.Peer, Attrs: attrs}
}

func (d *Daemon) find(id uint32) *busObject {
	i := slices.IndexFunc(d.objects, func(o *busObject) bool { return o.id == id })
	if i < 0 {
		return nil
	}
	return d.objects[i]
}

// named is the object that an attribute names; nil when there is none.
func (d *Daemon) named(m wire.Message, id wire.ID) *busObject {
	n, _ := m.U32(id)
	return d.find(n)
}

// matches tells whether a text is what a pattern says, which may end in '*'.
func matches(glob, text string) bool {
	if prefix, open := strings.CutSuffix(glob, "*"); open {
		return strings.HasPrefix(text, prefix)
	}
	return glob == text
}

func (d *Daemon) lookup(c *client, m wire.Message) wire.Code {
	_, given := m.Get(wire.AttrPath)
	glob := m.Text(wire.AttrPath)
	if !given {
		glob = "*"
	}
	found := false
	for _, o := range d.objects {
		if o.path == "" || !o.signed || !matches(glob, o.path) {
			continue
		}
		found = true
		if signature, ok := d.visible(c, o); ok {
			c.send(reply(m, wire.Data, wire.Text(wire.AttrPath, o.path), wire.U32(wire.AttrObject, o.id),
				wire.U32(wire.AttrType, o.typ), wire.Attr{ID: wire.AttrSignature, Data: signature}))
		}
	}
	if given && !found {
		return wire.NotFound
	}
	return wire.OK
}

// visible is the signature with the methods that a client may call; false when there
// are none of them.
func (d *Daemon) visible(c *client, o *busObject) ([]byte, bool) {
	all, _ := wire.ParseTable(o.signature) // it was checked when it came
	may := slices.DeleteFunc(slices.Clone(all), func(f wire.Field) bool { return !d.may(c, access, o.path, f.Name) })
	return may.AppendTo(nil), len(may) > 0 || len(all) == 0
}

func (d *Daemon) add(c *client, m wire.Message) wire.Code {
	o := &busObject{owner: c, path: m.Text(wire.AttrPath)}
	o.signature, o.signed = m.Get(wire.AttrSignature)
	taken := slices.ContainsFunc(d.objects, func(other *busObject) bool { return o.path != "" && other.path == o.path })
	if _, err := wire.ParseTable(o.signature); err != nil || taken || o.path != "" && !d.may(c, publish, o.path, "") {
		return wire.InvalidArgument
	}
	o.id = d.ID()
	attrs := []wire.Attr{wire.U32(wire.AttrObject, o.id)}
	if o.signed {
		o.typ = d.ID()
		attrs = append(attrs, wire.U32(wire.AttrType, o.typ))
	}
	d.objects = append(d.objects, o)
	d.tell("ubus.object.add", o)
	c.send(reply(m, wire.Data, attrs...))
	return wire.OK
}

// tell sends the event that an object with a path came or went.
func (d *Daemon) tell(event string, o *busObject) {
	if o.path != "" {
		d.publish(nil, event, wire.Table{{Name: "id", Value: int32(o.id)}, {Name: "path", Value: o.path}})
	}
}

func (d *Daemon) removeFor(c *client, m wire.Message) wire.Code {
	o := d.named(m, wire.AttrObject)
	if o == nil {
		return wire.NotFound
	}
	if o.owner != c {
		return wire.PermissionDenied
	}
	c.send(reply(m, wire.Data, wire.U32(wire.AttrObject, o.id)))
	d.remove(o)
	return wire.OK
}

func (d *Daemon) remove(o *busObject) {
	d.objects = slices.DeleteFunc(d.objects, func(other *busObject) bool { return other == o })
	d.patterns = slices.DeleteFunc(d.patterns, func(p pattern) bool { return p.to == o })
	for _, other := range d.objects {
		d.leave(o, other)
	}
	d.tell("ubus.object.remove", o)
}

// leave ends a subscription, if there is one.
func (d *Daemon) leave(o, target *busObject) bool {
	n := len(target.subscribers)
	target.subscribers = slices.DeleteFunc(target.subscribers, func(s *busObject) bool { return s == o })
	if n > 0 && len(target.subscribers) == 0 {
		target.announce()
	}
	return len(target.subscribers) < n
}

// announce tells the owner of an object whether anybody listens to it.
func (o *busObject) announce() {
	o.asked++
	o.owner.send(wire.Message{Type: wire.Notify, Seq: o.asked, Attrs: []wire.Attr{
		wire.U32(wire.AttrObject, o.id), wire.Flag(wire.AttrActive, len(o.subscribers) > 0),
	}})
}

func (d *Daemon) subscribe(c *client, m wire.Message) wire.Code {
	o, target := d.named(m, wire.AttrObject), d.named(m, wire.AttrTarget)
	switch {
	case o == nil || target == nil:
		return wire.NotFound
	case o.owner != c || target.owner == c:
		return wire.InvalidArgument
	case target.path != "" && !d.may(c, subscribe, target.path, ""):
		return wire.NotFound
	}
	target.subscribers = append([]*busObject{o}, target.subscribers...)
	if len(target.subscribers) == 1 {
		target.announce()
	}
	return wire.OK
}

func (d *Daemon) unsubscribe(c *client, m wire.Message) wire.Code {
	o, target := d.named(m, wire.AttrObject), d.named(m, wire.AttrTarget)
	if o == nil || o.owner != c || target == nil || !d.leave(o, target) {
		return wire.NotFound
	}
	return wire.OK
}

// forward hands a call or a notice to an object.
func forward(from *client, o *busObject, m wire.Message, attrs ...wire.Attr) {
	attrs = append(attrs, wire.U32(wire.AttrObject, o.id), wire.Text(wire.AttrMethod, m.Text(wire.AttrMethod)),
		wire.Text(wire.AttrUser, from.user), wire.Text(wire.AttrGroup, from.group))
	if data, ok := m.Get(wire.AttrData); ok {
		attrs = append(attrs, wire.Attr{ID: wire.AttrData, Data: data})
	}
	o.owner.send(wire.Message{Type: wire.Invoke, Seq: m.Seq, Peer: from.id, Attrs: attrs})
}

func (d *Daemon) invoke(c *client, m wire.Message) (code wire.Code, answered bool) {
	if n, _ := m.U32(wire.AttrObject); n == wire.EventObject {
		return d.event(c, m), false
	}
	o := d.named(m, wire.AttrObject)
	switch {
	case o == nil:
		return wire.NotFound, false
	case !d.may(c, access, o.path, m.Text(wire.AttrMethod)):
		return wire.PermissionDenied, false
	}
	forward(c, o, m)
	return 0, true
}

// respond hands an answer to the client that asked.
func (d *Daemon) respond(c *client, m wire.Message) {
	o, asker := d.named(m, wire.AttrObject), d.clients[m.Peer]
	if o == nil || o.owner != c || asker == nil {
		return
	}
	m.Peer = o.id
	asker.send(m)
}

func (d *Daemon) notify(c *client, m wire.Message) (code wire.Code, answered bool) {
	o := d.named(m, wire.AttrObject)
	switch {
	case o == nil:
		return wire.NotFound, false
	case o.owner != c:
		return wire.PermissionDenied, false
	}
	var listeners, silent []wire.Attr
	for _, s := range o.subscribers {
		listeners = append(listeners, wire.U32(0, s.id))
	}
	if m.Flag(wire.AttrNoReply) {
		silent = []wire.Attr{wire.Flag(wire.AttrNoReply, true)}
	} else {
		c.send(reply(m, wire.Status, wire.U32(wire.AttrObject, o.id),
			wire.Attr{ID: wire.AttrSubscribers, Data: wire.AppendAttrs(nil, listeners)}, wire.U32(wire.AttrStatus, 0)))
	}
	for _, s := range o.subscribers {
		forward(c, s, m, silent...)
	}
	return 0, true
}

// event is a call of the object that takes and gives events.
func (d *Daemon) event(c *client, m wire.Message) wire.Code {
	args, err := m.Table(wire.AttrData)
	if err != nil {
		return wire.InvalidArgument
	}
	switch m.Text(wire.AttrMethod) {
	case "register":
		return d.listen(c, args)
	case "send":
		id, _ := args.Get("id")
		name, _ := id.(string)
		data, _ := args.Get("data")
		t, ok := data.(wire.Table)
		if !ok || name == "" {
			return wire.InvalidArgument
		}
		if strings.HasPrefix(name, "ubus.") || !d.may(c, send, name, "") {
			return wire.PermissionDenied
		}
		d.publish(c, name, t)
		return wire.OK
	}
	return wire.InvalidCommand
}

func (d *Daemon) listen(c *client, args wire.Table) wire.Code {
	id, _ := args.Get("object")
	glob, _ := args.Get("pattern")
	n, isNumber := id.(int32)
	p, isText := glob.(string)
	o := d.find(uint32(n))
	switch {
	case !isNumber || !isText:
		return wire.InvalidArgument
	case o == nil:
		return wire.NotFound
	case o.owner != c || p == "" || !d.may(c, listen, strings.TrimSuffix(p, "*"), ""):
		return wire.PermissionDenied
	}
	d.patterns = append(d.patterns, pattern{o, p})
	return wire.OK
}

// publish gives an event to everybody who listens, once, and not to its sender.
func (d *Daemon) publish(from *client, name string, data wire.Table) {
	var seen []*busObject
	for _, p := range d.patterns {
		if p.to.owner == from || slices.Contains(seen, p.to) || !matches(p.glob, name) {
			continue
		}
		seen = append(seen, p.to)
		d.events++
		p.to.owner.send(wire.Message{Type: wire.Invoke, Seq: d.events, Attrs: []wire.Attr{
			wire.U32(wire.AttrObject, p.to.id), wire.Text(wire.AttrMethod, name), data.Attr(wire.AttrData),
		}})
	}
}
