// The SIM, the network, and the access point with its story.

import { h, card, facts, field, check } from './dom.js';
import { look, tell } from './api.js';
import { said, t, when, word } from './text.js';
import { form } from './start.js';
import { propose, refuse } from './trial.js';
import { current, option, settings } from './settings.js';
import { spark, technology } from './home.js';

export function draw(app) {
	const roaming = h('div', {});
	follow = current(roaming, (view) => [abroad(view)]);
	pinDrawn = story = offered = '';
	setTimeout(() => update(app));
	return [h('h1', {}, t('nav.sim')), ...['pin', 'network', 'apn', 'choice'].map((id) => h('div', { id })), roaming];
}

let pinDrawn = '', story = '', offered = '', known = false, follow;

// cardOf is what access points are offered for: a SIM, and documents. While it is not known they
// are asked for with each step of the modem.
const cardOf = (s) => JSON.stringify([s.modem.sim, s.modem.home, known || s.modem.phase, s.provision?.documents?.map((d) => [d.operator, d.serial, d.in_force])]);

// offer keeps the access points to choose those for the SIM that is in, but for who is about
// to choose one.
function offer(app) {
	const place = document.getElementById('choice'), s = app.state, chosen = place.querySelector('select');
	const busy = place.querySelector('select:focus, input:focus') || chosen && chosen.value !== '' && chosen.value !== chosen.sent;
	if (offered === cardOf(s) || busy) return;
	offered = cardOf(s);
	look('access points').then((list) => {
		if (!place.isConnected) return; // the view was left
		known = list.sim_known;
		offered = cardOf(s);
		place.replaceChildren(choose(app, list));
	}, (fault) => {
		if (place.isConnected) offered = ''; // the next state asks again
		refuse(fault);
	});
}

export function update(app) {
	const s = app.state, m = s.modem;
	if (!document.getElementById('network')) return;
	follow(s);
	offer(app);
	const key = m.sim + m.pin_tries_left;
	if (key !== pinDrawn) {
		pinDrawn = key;
		document.getElementById('pin').replaceChildren(...(m.sim === 'pin' ? [pinCard(app, m)] : m.sim === 'puk' ? [card(t('puk.title'), h('p', {}, t('puk.text')))] : []));
	}
	document.getElementById('network').replaceChildren(card(t('network.title'), facts(
		[t('modem'), m.model], [t('sim'), word('sim', m.sim)], [t('home'), m.home_name || m.home],
		[t('operator'), m.network_name || m.network], [t('registration'), word('registration', m.registration)],
		[t('technology'), technology(m)], [t('signal'), m.rssi_dbm && m.rssi_dbm + ' ' + t('unit.dbm')], [t('drops'), m.drops],
		...s.uplinks.flatMap((u) => [[t('address'), u.addresses.join(', ')], ['MTU', u.mtu]]),
	), spark()));
	const apn = s.access_point;
	if (story === JSON.stringify(apn)) return; // somebody reads it, or is about to press the button
	story = JSON.stringify(apn);
	document.getElementById('apn').replaceChildren(card(t('apn.title'),
		facts([t('apn'), apn.story ? apn.apn || t('apn.auto') : ''], [t('why'), said(apn.why)]),
		apn.story && h('details', {}, h('summary', {}, t('apn.story')), h('ul', { class: 'plain' }, apn.story.map((x) =>
			h('li', {}, when(x.at), ' ', h('b', {}, x.apn || t('apn.auto')), ' (' + x.family + ') ', word('outcome', x.outcome), x.cause ? ' ' + x.cause : '', x.note ? h('div', { class: 'soft' }, said(x.note)) : null)))),
		h('div', { class: 'buttons' }, h('button', { onclick: () => tell('redial').catch(refuse) }, t('redial')))));
}

function pinCard(app, m) {
	const tries = m.pin_tries_left;
	return card(t('pin.title'), tries !== undefined && h('p', { class: tries < 3 ? 'bad-text' : 'soft' }, t('pin.tries', { n: tries })), form(app, [
		field(t('pin'), { name: 'pin', type: 'password', inputMode: 'numeric', maxLength: 8, required: true }, t('pin.help')),
	], t('pin.do'), (f) => tell('sim pin', { pin: f.elements.pin.value })));
}

// choose offers the access points that would be tried, among them the network's own
// choice, and typing one.
function choose(app, list) {
	const names = list.access_points.map((a, i) => [String(i), (a.apn || t('apn.auto')) + (a.name ? ' · ' + a.name : '')]);
	const f = form(app, [
		field(t('apn.pick'), { name: 'pick', options: [['', t('apn.free')], ...names, ['typed', t('apn.typed')]], value: '' }),
		h('div', { id: 'typed', hidden: true },
			field(t('apn.name'), { name: 'apn', maxLength: 100, autocapitalize: 'none', spellcheck: false }),
			field(t('apn.user'), { name: 'user', maxLength: 255, autocapitalize: 'none' }),
			field(t('password'), { name: 'password', type: 'password', maxLength: 255, autocomplete: 'new-password' })),
	], t('save'), (form) => {
		const pick = form.elements.pick.value, listed = list.access_points[Number(pick)];
		const text = (name) => form.elements.namedItem(name).value.trim();
		if (pick === 'typed') return propose('apn choose', { apn: text('apn'), user: text('user'), password: text('password') }, form);
		if (pick === '') return propose('apn choose', { apn: '' }, form);
		return propose('apn choose', { apn: listed.apn, network: !listed.apn, user: listed.user || '', password: listed.password || '', auth: listed.auth || 'auto' }, form);
	});
	f.elements.pick.addEventListener('change', (e) => { f.querySelector('#typed').hidden = e.target.value !== 'typed'; });
	return card(t('apn.choose'), h('p', { class: 'soft' }, t('apn.choose.help')), f);
}

function abroad(view) {
	const on = option(view, 'modem', 'roaming').values[0] === '1';
	const box = check(t('roaming'), { checked: on, onchange: async (e) => {
		const want = e.target.checked;
		if (!await propose('config set', { changes: ['modem.roaming=' + (want ? 1 : 0)], revision: (await settings()).revision })) e.target.checked = !want;
	} });
	return card(t('roaming.title'), h('p', { class: 'soft' }, t('roaming.help')), box);
}
