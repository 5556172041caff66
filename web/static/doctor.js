// What is wrong, why, what is done about it, and what was.

import { h, card, facts, save } from './dom.js';
import { look } from './api.js';
import { bytes, has, said, span, t, when, word } from './text.js';
import { refuse } from './trial.js';

export function draw(app) {
	setTimeout(() => update(app));
	return [h('h1', {}, t('nav.doctor')), h('div', { id: 'found' }), h('div', { id: 'checks' }), h('div', { id: 'past' }),
		card('', h('p', { class: 'soft' }, t('record.help')), h('div', { class: 'buttons' }, h('button', {
			onclick: () => look('doctor record').then((r) => save('tetherd-doctor.json', JSON.stringify(r, null, 1)), refuse),
		}, t('record.do'))))];
}

let drawn = '';

export function update(app) {
	const d = app.state.doctor, place = document.getElementById('found');
	if (!place) return;
	const key = JSON.stringify(d);
	if (key === drawn && place.firstChild) return;
	drawn = key;
	place.replaceChildren(...(d.findings.length ? d.findings.map(finding) : [card('', h('p', {}, t('doctor.well')))]));
	document.getElementById('checks').replaceChildren(card(t('doctor.tree'), h('ul', { class: 'plain' }, d.checks.map(check))));
	document.getElementById('past').replaceChildren(card(t('doctor.past'), d.history?.length
		? h('ul', { class: 'plain' }, d.history.toReversed().map(episode)) : h('p', { class: 'soft' }, t('doctor.never'))));
}

function finding(f) {
	const r = f.remedy;
	return h('section', { class: 'card verdict ' + (f.severity === 'fault' ? 'bad' : '') }, h('p', { class: 'say' }, said(f.sentence)), facts(
		[t('doctor.code'), f.code], [t('doctor.sure'), f.confidence + ' %'], [t('since'), when(f.since)],
		[t('doctor.explains'), (f.hides || []).join(', ')],
		[t('doctor.remedy'), r && [word('remedy', r.kind), word('remedy.state', r.state)].join(', ')],
		[t('doctor.costs'), r && (r.outage_s || r.bytes) && [r.outage_s && span(r.outage_s), r.bytes && bytes(r.bytes)].filter(Boolean).join(', ')],
		[t('doctor.left'), r && String(r.tries_left)],
	), f.evidence.length > 0 && h('details', {}, h('summary', {}, t('doctor.evidence')), facts(...f.evidence.map((e) => [said(e.name), said(e.value)]))));
}

const marks = { ok: ['done', '✓'], failed: ['failed', '✗'], impaired: ['failed', '!'] };

function check(c) {
	const [style, mark] = marks[c.state] || ['off', '–'];
	return h('li', { class: 'stage' }, h('span', { class: 'mark ' + style, role: 'img', 'aria-label': word('check.state', c.state) }, mark),
		h('div', {}, has('check.' + c.name) ? t('check.' + c.name) : c.name, c.code && ' · ' + c.code,
			c.state !== 'ok' && h('div', { class: 'soft' }, word('check.state', c.state))));
}

function episode(e) {
	const long = Math.max(1, Math.round((new Date(e.to) - new Date(e.from)) / 1000));
	return h('li', {}, when(e.from), ' · ', span(long), h('div', {}, said(e.sentence), ' (' + e.code + ')'),
		e.helped && h('div', { class: 'soft' }, t(e.helped === 'yes' ? 'doctor.helped' : 'doctor.helpless', { remedy: word('remedy', e.remedy) })));
}
