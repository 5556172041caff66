// Sharing, the Wi-Fi networks and the clients' network.

import { h, svg, card, facts, field } from './dom.js';
import { look } from './api.js';
import { said, t, word } from './text.js';
import { form } from './start.js';
import { propose, refuse } from './trial.js';
import { current, option } from './settings.js';

export function draw(app) {
	const lan = h('div', {});
	follow = current(lan, (view) => [...(app.state.wifi?.radios ? wifi(app, view) : []), network(app, view)]);
	setTimeout(() => update(app));
	return [h('h1', {}, t('nav.hotspot')), h('div', { id: 'share' }), h('div', { id: 'air' }), lan];
}

let drawn = null, follow;

export function update(app) {
	const place = document.getElementById('share'), on = app.state.lan.sharing, modem = app.state.modem.phase !== 'off';
	if (!place) return;
	onAir(app);
	follow(app.state);
	if (place.firstChild && drawn === on + ' ' + modem) return;
	drawn = on + ' ' + modem;
	place.replaceChildren(card(t('share.title'), h('p', {}, t(on ? 'share.is' : 'share.not')),
		h('div', { class: 'buttons' }, h('button', { class: on ? '' : 'main', onclick: () => propose('share', { on: !on }) }, t(on ? 'share.off' : 'share.on')),
			h('button', { onclick: () => propose(modem ? 'disconnect' : 'connect', {}) }, t(modem ? 'modem.off' : 'modem.on')))));
}

// onAir is what the radios carry now.
function onAir(app) {
	const radios = app.state.wifi?.radios || [];
	document.getElementById('air').replaceChildren(...(radios.length ? [card(t('wifi.title'), radios.map((r) => [facts(
		[t('wifi.radio'), r.interface], [t('wifi.state'), word('radio', r.state)], [t('wifi.band'), r.band_ghz && r.band_ghz + ' ' + t('unit.ghz')],
		[t('wifi.channel'), r.channel && r.channel + (r.width_mhz ? ' (' + r.width_mhz + ' ' + t('unit.mhz') + ')' : '')], [t('wifi.wrong'), r.wrong_passphrase?.reduce((n, w) => n + w.count, 0)],
	), [r.refused, r.error].filter(Boolean).map((x) => h('p', { class: 'bad-text' }, said(x))), (r.why || []).map((x) => h('p', { class: 'soft' }, said(x))),
	h('ul', { class: 'plain' }, r.networks.map((n) => h('li', {}, h('b', {}, n.ssid), n.guest ? ' (' + t('wifi.guest') + ')' : '',
		h('div', { class: 'soft' }, word('security', n.security), ' · ', t('wifi.stations', { n: n.stations })))))]))] : []));
}

function network(app, view) {
	const value = (name) => option(view, 'lan', name).values.join(' ');
	return card(t('lan.title'), facts([t('lan.here'), app.state.lan.address], [t('lan.bridge'), app.state.lan.bridge], [t('lan.guests'), app.state.guests?.address]), form(app, [
		field(t('lan.address'), { name: 'lan.address', value: value('address'), inputMode: 'decimal' }, t('lan.address.help')),
		field(t('dhcp.lease'), { name: 'dhcp.leasetime', value: option(view, 'dhcp', 'leasetime').values.join('') }, t('dhcp.lease.help')),
	], t('save'), (f) => propose('config set', {
		revision: view.revision, changes: ['lan.address', 'dhcp.leasetime'].map((n) => n + '=' + f.elements.namedItem(n).value.trim()),
	}, f)));
}

// wifi is how to join, and what can be changed: the first network, that of guests, and
// the radios.
function wifi(app, view) {
	const join = h('div', {});
	const show = h('button', { onclick: () => look('wifi').then((a) => join.replaceChildren(...a.networks.map(invitation)), refuse) }, t('wifi.show'));
	return [card(t('wifi.join'), h('div', { class: 'buttons' }, show), join), main(app, view), guests(app, view), ...app.state.wifi.radios.map((r) => radio(app, view, r))];
}

const securities = () => ['wpa2-wpa3', 'wpa2', 'wpa3'].map((s) => [s, word('security', s)]);
const own = (s, name) => s?.options.find((o) => o.name === name)?.values[0];
const isGuest = (s) => own(s, 'guest') === '1';
const networks = (view) => view.sections.filter((s) => s.type === 'network');

// change makes what a form says of one section.
const change = (view, changes, f) => propose('config set', { revision: view.revision, changes }, f);

// free is a name that no section has yet.
const free = (view, name) => view.sections.some((s) => s.address === name) ? free(view, name + '_') : name;

// named is what a network is called: in its section, or else on the air.
const named = (app, section, guest) => own(section, 'ssid') || app.state.wifi.radios.flatMap((r) => r.networks).find((n) => !n.guest === !guest)?.ssid || '';

// main changes the network of the owner. One that has no section yet gets one.
function main(app, view) {
	const section = networks(view).find((s) => !isGuest(s)), at = section?.address || free(view, 'home');
	const name = named(app, section, false);
	return card(t('wifi.home'), form(app, [
		field(t('wifi.name'), { name: at + '.ssid', value: name, maxLength: 32, required: true }),
		field(t('wifi.pass'), { name: at + '.passphrase', type: 'password', autocomplete: 'new-password', maxLength: 64 }, t('wifi.pass.help')),
		field(t('wifi.security'), { name: at + '.security', options: securities(), value: own(section, 'security') || 'wpa2-wpa3' }),
	], t('save'), (f) => change(view, [...(section ? [] : [at + '=network']), ...wished(f, section, name)], f)));
}

// wished are the changes of a network's form; what is as it was is left out.
function wished(f, section, ssid) {
	return [...f.elements].filter((el) => el.name && el.value !== '').map((el) => [el.name, el.value]).filter(([name, value]) => {
		const what = name.split('.')[1];
		return what === 'passphrase' || value !== (what === 'ssid' ? ssid : own(section, what));
	}).map(([name, value]) => name + '=' + value);
}

// guests switches a network for guests on and off. It is never the only one.
function guests(app, view) {
	const section = networks(view).find(isGuest), at = section?.address || free(view, 'guests');
	const name = named(app, section, true);
	const first = [...(networks(view).length ? [] : [free(view, 'home') + '=network']), at + '=network', at + '.guest=1'];
	return card(t('guests.title'), h('p', { class: 'soft' }, t('guests.help')), form(app, [
		field(t('wifi.name'), { name: at + '.ssid', value: name, maxLength: 32 }, t('guests.name.help')),
		field(t('wifi.pass'), { name: at + '.passphrase', type: 'password', autocomplete: 'new-password', maxLength: 63 }, section ? t('wifi.pass.help') : t('guests.pass.help')),
	], t(section ? 'save' : 'guests.on'), (f) => change(view, [...(section ? [] : first), ...wished(f, section, name)], f)),
	section && h('div', { class: 'buttons' }, h('button', { class: 'danger', onclick: () => change(view, [at + '=']) }, t('guests.off'))));
}

const bands = { auto: [], 2.4: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13], 5: [36, 40, 44, 48, 52, 56, 60, 64, 100, 104, 108, 112, 116, 120, 124, 128, 132, 136, 140, 149, 153, 157, 161] };

// radio changes the band and the channel of one. Where there are several it gets a section
// of its own, made of the one that stood for it and of the band it is on, and the others
// keep one that stands for them.
function radio(app, view, r) {
	const sections = view.sections.filter((s) => s.type === 'radio'), rest = sections.find((s) => !own(s, 'interface'));
	const one = app.state.wifi.radios.length === 1, section = sections.find((s) => own(s, 'interface') === r.interface) || (one ? rest : null);
	const at = section?.address || free(view, one ? 'air' : r.interface.replace(/\W/g, '_')), is = section || rest;
	const wish = own(is, 'band') || 'auto', mine = own(is, 'channel') || 'auto';
	const band = wish === 'auto' && !one && !section && r.band_ghz in bands ? r.band_ghz : wish;
	const channels = (b) => [...new Set(['auto', ...bands[b], ...(b === band ? [mine] : [])].map(String))].map((c) => [c, c === 'auto' ? t('wifi.auto') : c]);
	const first = section ? [] : [at + '=radio', ...(one ? [] : [`${at}.interface=${r.interface}`]),
		...(rest?.options || []).filter((o) => o.values.length && !['band', 'channel'].includes(o.name)).map((o) => `${at}.${o.name}=${o.values[0]}`),
		...(one || sections.length ? [] : [free(view, 'radios') + '=radio'])];
	const f = form(app, [
		field(t('wifi.band'), { name: at + '.band', options: Object.keys(bands).sort().reverse().map((b) => [b, b === 'auto' ? t('wifi.auto') : b + ' ' + t('unit.ghz')]), value: band }),
		field(t('wifi.channel'), { name: at + '.channel', options: channels(band), value: mine }, t('wifi.channel.help')),
	], t('save'), (f) => change(view, [...first, ...[...f.elements].filter((el) => el.name).map((el) => el.name + '=' + el.value)], f));
	const [bandOf, channelOf] = f.querySelectorAll('select');
	bandOf.addEventListener('change', () => channelOf.replaceChildren(...channels(bandOf.value).map(([value, text]) => h('option', { value }, text))));
	return card(one ? t('wifi.air') : t('wifi.air') + ' · ' + r.interface, f);
}

// invitation is how to join one network, for people and for their telephones.
function invitation(key) {
	const rows = key.code ? key.code.split('\n') : [];
	const d = rows.flatMap((row, y) => [...row].map((m, x) => (m === '1' ? `M${x} ${y}h1v1h-1z` : ''))).join('');
	return h('div', {}, facts([t('wifi.name'), key.ssid], [t('wifi.pass'), h('code', {}, key.passphrase)]), rows.length
		? svg('svg', { class: 'qr', viewBox: `-2 -2 ${rows.length + 4} ${rows.length + 4}`, role: 'img', 'aria-label': t('wifi.qr', { name: key.ssid }), 'shape-rendering': 'crispEdges' }, svg('path', { d, fill: '#000' })) : null);
}
