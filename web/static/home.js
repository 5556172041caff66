// First: whether devices have Internet and through what, and what stands in the way.

import { h, svg, card, facts } from './dom.js';
import { bytes, count, has, said, t } from './text.js';
import { tell } from './api.js';
import { propose, refuse } from './trial.js';
import { devices } from './devices.js';

const samples = []; // of the signal while the page is open: [time, dBm]

// sample keeps the signal's strength.
export function sample(state) {
	const dbm = state.modem.rssi_dbm, last = samples[samples.length - 1];
	if (!dbm || last && last[1] === dbm && Date.now() - last[0] < 5000) return;
	samples.push([Date.now(), dbm]);
	if (samples.length > 600) samples.shift();
}

export function draw(app) {
	return [h('h1', {}, t('nav.home')), h('div', { id: 'verdict', role: 'status' }), h('div', { id: 'now' }), card(t('way.title'), h('ul', { class: 'plain', id: 'way' }))].map((el) => {
		setTimeout(() => update(app));
		return el;
	});
}

let sentence = '';

export function update(app) {
	const s = app.state, place = document.getElementById('verdict');
	if (!place || !s) return;
	const blocked = s.stages.some((x) => x.state === 'failed');
	const key = JSON.stringify([s.sentence, s.online, s.modem.sim, s.lan.sharing, app.session.in, s.provision?.buying, s.doctor.verdict, s.modem.phase]);
	if (sentence !== key || !place.firstChild) { // a reader hears it once
		sentence = key;
		place.replaceChildren(h('section', { class: 'card verdict ' + (s.online ? 'good' : blocked || !s.lan.sharing ? 'bad' : '') },
			h('p', { class: 'say' }, verdict(s)), remedy(app)));
	}
	document.getElementById('now').replaceChildren(now(s));
	document.getElementById('way').replaceChildren(...s.stages.map(stage), ...(s.problems || []).map((p) => h('li', { class: 'bad-text' }, said(p))));
}

// verdict is the gateway's sentence.
const verdict = (s) => said(s.sentence);

// remedy is the button that helps, if there is one.
function remedy(app) {
	const s = app.state, link = (view, text) => h('div', { class: 'buttons' }, h('button', { class: 'main', onclick: () => app.show(view) }, text));
	const button = (text, action) => h('div', { class: 'buttons' }, h('button', { class: 'main', onclick: action }, text));
	if (!s.lan.sharing) return button(t('share.on'), () => propose('share', { on: true }));
	if (s.provision?.buying) return link('operator', t('paper.bought'));
	if (s.modem.sim === 'pin') return link('sim', t('pin.enter'));
	if (s.modem.phase === 'roaming') return link('sim', t('roaming.open'));
	const failed = s.stages.find((x) => x.state === 'failed');
	if (failed && ['access-point', 'address', 'gateway-internet', 'client-internet'].includes(failed.name)) {
		return button(t('redial'), () => tell('redial').catch(refuse));
	}
	if (s.doctor.verdict) return link('doctor', t('doctor.open'));
	return null;
}

function now(s) {
	const up = s.uplinks.reduce((n, u) => n + u.up_bytes, 0), down = s.uplinks.reduce((n, u) => n + u.down_bytes, 0);
	return card(t('now.title'), facts(
		[t('operator'), s.modem.network_name || s.modem.network],
		[t('technology'), technology(s.modem)],
		[t('signal'), s.modem.rssi_dbm && s.modem.rssi_dbm + ' ' + t('unit.dbm')],
		[t('devices'), s.clients && count('devices', devices(s.clients))],
		[t('received'), s.uplinks.length > 0 && bytes(down)],
		[t('sent'), s.uplinks.length > 0 && bytes(up)],
		[t('drops'), s.modem.drops],
	), spark());
}

// technology is how the modem is connected, such as LTE or 5G NSA.
export const technology = (modem) => modem.technology?.toUpperCase().replace('-', ' ');

// spark draws the signal over the time that the page is open, and says between what it was.
export function spark() {
	if (samples.length < 2) return null;
	const from = samples[0][0], span = Math.max(1, samples[samples.length - 1][0] - from);
	const x = (at) => (100 * (at - from) / span).toFixed(2), y = (dbm) => (28 - 26 * Math.min(1, Math.max(0, (dbm + 113) / 62))).toFixed(2);
	const d = samples.map(([at, dbm], i) => (i ? 'L' : 'M') + x(at) + ' ' + y(dbm)).join('');
	const low = Math.min(...samples.map((p) => p[1])), high = Math.max(...samples.map((p) => p[1]));
	return [svg('svg', { class: 'spark', viewBox: '0 0 100 30', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, svg('path', { d })), h('p', { class: 'soft' }, t('signal.over', { low, high }))];
}

const marks = { done: '✓', failed: '✗', waiting: '…', off: '–' };

function stage(x) {
	const name = has('stage.' + x.name) ? t('stage.' + x.name) : x.name;
	return h('li', { class: 'stage' },
		h('span', { class: 'mark ' + x.state, role: 'img', 'aria-label': t('state.' + x.state) }, marks[x.state]),
		h('div', {}, name, h('div', { class: 'soft' }, said(x.text))));
}
