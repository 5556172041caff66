// Sharing and the clients' network.

import { h, svg, card, facts, field } from './dom.js';
import { look } from './api.js';
import { t } from './text.js';
import { form } from './start.js';
import { propose, refuse } from './trial.js';
import { option, settings } from './settings.js';

export function draw(app) {
	const lan = h('div', {});
	settings().then((view) => lan.replaceChildren(...(app.state.wifi?.radios ? [wifi(app, view)] : []), network(app, view)));
	setTimeout(() => update(app));
	return [h('h1', {}, t('nav.hotspot')), h('div', { id: 'share' }), lan];
}

let drawn = null;

export function update(app) {
	const place = document.getElementById('share'), on = app.state.lan.sharing;
	if (!place || place.firstChild && drawn === on) return;
	drawn = on;
	place.replaceChildren(card(t('share.title'), h('p', {}, t(on ? 'share.is' : 'share.not')),
		h('div', { class: 'buttons' }, h('button', { class: on ? '' : 'main', onclick: () => propose('share', { on: !on }) }, t(on ? 'share.off' : 'share.on')))));
}

function network(app, view) {
	const value = (name) => option(view, 'lan', name).values.join(' ');
	return card(t('lan.title'), facts([t('lan.here'), app.state.lan.address], [t('lan.bridge'), app.state.lan.bridge]), form(app, [
		field(t('lan.address'), { name: 'lan.address', value: value('address'), inputMode: 'decimal' }, t('lan.address.help')),
		field(t('dhcp.lease'), { name: 'dhcp.leasetime', value: option(view, 'dhcp', 'leasetime').values.join('') }, t('dhcp.lease.help')),
	], t('save'), (f) => propose('config set', {
		revision: view.revision, changes: ['lan.address', 'dhcp.leasetime'].map((n) => n + '=' + f.elements.namedItem(n).value.trim()),
	}, f)));
}

// wifi shows each network with how to join it, and changes the first one.
function wifi(app, view) {
	const join = h('div', {}), section = view.sections.find((s) => s.type === 'network'), at = section ? section.address : 'network';
	const networks = app.state.wifi.radios.flatMap((r) => r.networks.map((n) => facts(
		[t('wifi.name'), n.ssid + (n.guest ? ' (' + t('wifi.guest') + ')' : '')], [t('wifi.security'), n.security],
		[t('wifi.band'), r.band_ghz && r.band_ghz + ' GHz'], [t('wifi.channel'), r.channel], [t('devices'), n.stations])));
	const main = app.state.wifi.radios[0]?.networks.find((n) => !n.guest);
	return card(t('wifi.title'), networks, h('div', { class: 'buttons' },
		h('button', { onclick: () => look('wifi').then((a) => join.replaceChildren(...a.networks.map(invitation)), refuse) }, t('wifi.show'))), join,
	form(app, [
		field(t('wifi.name'), { name: at + '.ssid', value: main?.ssid || '', maxLength: 32, required: true }),
		field(t('wifi.pass'), { name: at + '.passphrase', type: 'password', autocomplete: 'new-password', maxLength: 63 }, t('wifi.pass.help')),
	], t('save'), (f) => propose('config set', { revision: view.revision, changes: named(f, section ? at : '', main) }, f)));
}

// named are the changes of a network's name and passphrase. One that has no section yet
// gets one.
function named(f, at, main) {
	const [ssid, passphrase] = [f.elements[0].value.trim(), f.elements[1].value];
	const out = [(at || 'network') + '.ssid=' + ssid];
	if (at && ssid === main?.ssid) out.pop();
	if (passphrase) out.push((at || (out.length ? '@network[-1]' : 'network')) + '.passphrase=' + passphrase);
	return out.length ? out : [at + '.ssid=' + ssid];
}

// invitation is how to join one network, for people and for their telephones.
function invitation(key) {
	const rows = key.code ? key.code.split('\n') : [];
	const d = rows.flatMap((row, y) => [...row].map((m, x) => (m === '1' ? `M${x} ${y}h1v1h-1z` : ''))).join('');
	return h('div', {}, facts([t('wifi.name'), key.ssid], [t('wifi.pass'), h('code', {}, key.passphrase)]), rows.length
		? svg('svg', { class: 'qr', viewBox: `-2 -2 ${rows.length + 4} ${rows.length + 4}`, role: 'img', 'aria-label': t('wifi.qr', { name: key.ssid }), 'shape-rendering': 'crispEdges' }, svg('path', { d, fill: '#000' })) : null);
}
