// The devices on the LAN.

import { h, ask, card, facts, field } from './dom.js';
import { tell } from './api.js';
import { bytes, count, said, t, when, word } from './text.js';
import { settings } from './settings.js';
import { propose, refuse } from './trial.js';

export function draw(app) {
	setTimeout(() => update(app));
	cards.clear();
	return [h('h1', {}, t('nav.devices')), h('p', { id: 'many', class: 'soft' }), h('div', { id: 'list' }), h('div', { id: 'blocked' })];
}

// devices is how many there are: one may have an address as a guest and another at home.
export const devices = (clients) => new Set(clients.map((c) => c.mac)).size;

const key = (c) => c.mac + c.address;
const before = new Map(); // bytes of each device by an address, to tell how fast it is now
const cards = new Map(); // of the devices that were shown, for each address
let barred = '';

export function update(app) {
	const list = document.getElementById('list'), clients = app.state.clients || [], places = app.state.places;
	if (!list) return;
	document.getElementById('many').textContent = [
		places ? t('devices.places', { n: places.used, most: count('devices', places.limit) }) : count('devices', devices(clients)),
		t('devices.free', { n: app.state.lan.free_addresses }),
	].join(' · ');
	const blocked = app.state.wifi?.blocked || [], now = clients.map((c) => shown(c, places, blocked.includes(c.mac)));
	if (now.length === 0) now.push(card('', h('p', {}, t('devices.none'))));
	[...list.children].filter((el) => !now.includes(el)).forEach((el) => el.remove());
	now.forEach((el, i) => { if (list.children[i] !== el) list.insertBefore(el, list.children[i] || null); });
	const place = document.getElementById('blocked');
	if (barred === blocked.join() && place.firstChild) return;
	barred = blocked.join();
	place.replaceChildren(...(blocked.length ? [card(t('blocked.title'), h('ul', { class: 'plain' }, blocked.map((mac) =>
		h('li', {}, mac, ' ', h('button', { 'aria-label': t('unblock') + ' ' + mac, onclick: () => propose('unblock', { mac }) }, t('unblock'))))))] : []));
}

// shown is the card of a device, brought up to date. Its buttons stay the ones that they
// are, which somebody is about to press, until others take their place.
function shown(c, places, out) {
	if (!cards.has(key(c))) cards.set(key(c), card('', h('div', {}), h('div', { class: 'buttons' })));
	const el = cards.get(key(c)), [facts, buttons] = el.querySelectorAll(':scope > div'), deeds = acts(c, out);
	const labels = (list) => list.map((b) => b.ariaLabel).join();
	facts.replaceChildren(...about(c, places));
	if (labels([...buttons.children]) !== labels(deeds)) {
		const had = buttons.contains(document.activeElement) && document.activeElement.textContent;
		buttons.replaceChildren(...deeds);
		if (had) (deeds.find((b) => b.textContent === had) || deeds[0]).focus();
	}
	return el;
}

// about is what there is to tell of a device.
function about(c, places) {
	const now = Date.now(), last = before.get(key(c));
	before.set(key(c), { at: now, up: c.up_bytes, down: c.down_bytes });
	const rate = (is, was) => (last && now > last.at && is >= was ? ' · ' + bytes((is - was) * 1000 / (now - last.at)) + '/' + t('unit.s') : '');
	return [h('h2', {}, nameOf(c)), c.refused && h('p', { class: 'bad-text' }, said(c.refused)), facts(
		[t('device.kind'), word('kind', c.kind)],
		[t('device.internet'), places && t(c.place ? 'device.place' : 'device.placeless')],
		[t('address'), c.address],
		[t('mac'), c.mac + (c.wifi?.randomised ? ' (' + t('device.randomised') + ')' : '')],
		[t('received'), bytes(c.down_bytes) + rate(c.down_bytes, last?.down)],
		[t('sent'), bytes(c.up_bytes) + rate(c.up_bytes, last?.up)],
		[t('since'), c.since && when(c.since)],
		[t('network.name'), c.wifi && c.wifi.ssid + (c.wifi.guest ? ' (' + t('wifi.guest') + ')' : '')],
		[t('signal'), c.wifi?.signal_dbm && c.wifi.signal_dbm + ' ' + t('unit.dbm')], [t('wifi.security'), word('security', c.wifi?.security)],
	)].filter(Boolean);
}

const nameOf = (c) => c.name || t('device.nameless');

// acts are the buttons of a device, which may be shut out already.
function acts(c, out) {
	const button = (text, action, style) => h('button', { class: style, 'aria-label': text + ': ' + nameOf(c), onclick: action }, text);
	return [
		button(t('rename'), () => rename(c)),
		c.place && button(t('place.free'), () => tell('place free', { mac: c.mac }).catch(refuse)),
		c.wifi && button(t('kick'), () => tell('kick', { mac: c.mac }).catch(refuse)),
		!out && button(t('block'), () => propose('block', { mac: c.mac }), 'danger'),
	].filter(Boolean);
}

// rename gives a device a name of its owner's choice, in a section of the settings.
async function rename(c) {
	const what = field(t('device.name'), { name: 'name', value: c.name || '', maxLength: 63, autocapitalize: 'none', spellcheck: false }, t('device.name.help'));
	if (!await ask(t('rename'), what, [[true, t('save'), 'main'], [null, t('cancel')]])) return;
	const view = await settings(), name = what.querySelector('input').value.trim();
	const own = view.sections.find((s) => s.type === 'host' && s.options.some((o) => o.name === 'mac' && o.values[0]?.toLowerCase() === c.mac));
	const fixed = own?.options.some((o) => o.name === 'ip' && o.values.length > 0);
	const changes = !own ? ['host.mac=' + c.mac, '@host[-1].name=' + name] : name || fixed ? [own.address + '.name=' + name] : [own.address + '='];
	if (own || name) await propose('config set', { changes, revision: view.revision });
}
