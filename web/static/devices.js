// The devices on the LAN.

import { h, card, facts } from './dom.js';
import { tell } from './api.js';
import { bytes, count, t, when } from './text.js';
import { propose, refuse } from './trial.js';

export function draw(app) {
	setTimeout(() => update(app));
	return [h('h1', {}, t('nav.devices')), h('p', { id: 'many', class: 'soft' }), h('div', { id: 'list' }), h('div', { id: 'blocked' })];
}

const before = new Map(); // bytes of each device, to tell how fast it is now

export function update(app) {
	const list = document.getElementById('list'), clients = app.state.clients || [];
	if (!list) return;
	document.getElementById('many').textContent = count('devices', clients.length) + ' · ' + t('devices.free', { n: app.state.lan.free_addresses });
	if (list.contains(document.activeElement)) return; // somebody is about to press a button
	list.replaceChildren(...clients.map(device));
	const blocked = app.state.wifi?.blocked || [];
	document.getElementById('blocked').replaceChildren(...(blocked.length ? [card(t('blocked.title'), h('ul', { class: 'plain' }, blocked.map((mac) =>
		h('li', {}, mac, ' ', h('button', { 'aria-label': t('unblock') + ' ' + mac, onclick: () => propose('unblock', { mac }) }, t('unblock'))))))] : []));
	if (clients.length === 0) list.replaceChildren(card('', h('p', {}, t('devices.none'))));
}

function device(c) {
	const now = Date.now(), last = before.get(c.mac);
	before.set(c.mac, { at: now, up: c.up_bytes, down: c.down_bytes });
	const rate = (is, was) => (last && now > last.at && is >= was ? bytes((is - was) * 1000 / (now - last.at)) + '/s' : '');
	return card(c.name || t('device.nameless'), facts(
		[t('address'), c.address],
		[t('mac'), c.mac],
		[t('received'), bytes(c.down_bytes) + ' ' + rate(c.down_bytes, last?.down)],
		[t('sent'), bytes(c.up_bytes) + ' ' + rate(c.up_bytes, last?.up)],
		[t('since'), c.since && when(c.since)],
		[t('network.name'), c.wifi?.ssid], [t('signal'), c.wifi?.signal_dbm && c.wifi.signal_dbm + ' dBm'],
	), c.wifi && h('div', { class: 'buttons' },
		h('button', { onclick: () => tell('kick', { mac: c.mac }).catch(refuse) }, t('kick')),
		h('button', { class: 'danger', onclick: () => propose('block', { mac: c.mac }) }, t('block'))));
}
