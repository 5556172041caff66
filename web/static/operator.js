// The operator: who it is and how to reach it, and its document with what became of it.

import { h, ask, card, facts } from './dom.js';
import { look, tell } from './api.js';
import { said, t, when, word } from './text.js';
import { form } from './start.js';
import { refuse } from './trial.js';

export function draw(app) {
	drawn = '';
	setTimeout(() => update(app));
	return [h('h1', {}, t('nav.operator')), h('div', { id: 'operator' }), h('div', { id: 'papers' }), bring(app)];
}

let drawn = '';

export function update(app) {
	const p = app.state.provision, place = document.getElementById('operator'), key = JSON.stringify(p || {});
	if (!place || key === drawn) return;
	drawn = key;
	const cards = inForce(p) ? [contact(inForce(p)), rules(p)] : [card('', h('p', {}, t('operator.none')))];
	place.replaceChildren(...cards);
	const papers = document.getElementById('papers'), there = () => cards[0].isConnected;
	if (!p) return papers.replaceChildren();
	look('provision show').then((full) => {
		if (!there()) return; // it was for another drawing
		const logo = inForce(full)?.logo;
		if (logo) cards[0].querySelector('h2')?.prepend(h('img', { class: 'logo', src: logo, alt: '' }));
		papers.replaceChildren(...(full.trial ? [trial(full)] : []), ...(full.outcome ? [outcome(full.outcome)] : []),
			...full.documents.map(paper), ...(full.documents.length ? [deeds(full)] : []));
	}).catch((fault) => {
		if (there()) drawn = ''; // the next state asks again
		refuse(fault);
	});
}

// inForce is the document for the SIM that is in the modem.
export const inForce = (p) => p?.documents?.find((d) => d.in_force);

// contact is the operator as it presents itself.
export function contact(d) {
	const call = d.support_phone && h('a', { href: 'tel:' + d.support_phone.replace(/[^+\d]/g, '') }, d.support_phone);
	const page = /^https?:\/\//.test(d.account_url || '') && h('a', { href: d.account_url, rel: 'noreferrer', target: '_blank' }, t('operator.account'));
	return card(d.name || t('operator.unnamed'), facts([t('operator.support'), call], [t('operator.plan'), (d.plans || []).join(', ')]),
		page && h('p', {}, page));
}

function rules(p) {
	return card(t('operator.rules'), facts(
		[t('operator.sharing'), t(p.sharing.allowed ? 'operator.allowed' : 'operator.forbidden')],
		[t('why'), p.sharing.allowed ? '' : said(p.sharing.why)],
		[t('operator.limit'), p.limit],
		...(p.conflicts || []).map((c) => [said(c.what), said(c.value) + ': ' + said(c.why)]),
	));
}

// trial is the document on trial.
function trial(p) {
	const { id, by, attended, until } = p.trial;
	return card('', h('p', {}, t(attended ? 'paper.attended' : 'paper.trial', { by, at: when(until) })),
		h('div', { class: 'buttons' },
			h('button', { class: 'main', onclick: () => tell('provision confirm', { id }).catch(refuse) }, t('trial.keep')),
			h('button', { onclick: () => tell('provision revert', { id }).catch(refuse) }, t('trial.undo'))));
}

const outcome = (o) => card('', h('p', { class: o.kept ? '' : 'bad-text', role: 'status' }, t(o.kept ? 'paper.kept' : 'paper.undone', { why: said(o.why) })));

// paper is one document with what became of each element.
function paper(d) {
	return card(d.name || d.operator, facts(
		[t('paper.state'), t(d.in_force ? 'paper.inforce' : 'paper.asleep')],
		[t('paper.serial'), d.serial], [t('paper.signed'), t(d.signed ? 'yes' : 'no')],
		[t('paper.origin'), word('origin', d.origin)], [t('paper.applied'), when(d.applied)],
		[t('paper.activation'), said(d.activation)], [t('paper.refresh'), said(d.refresh)], [t('paper.wlans'), (d.wlans || []).join(', ')],
	), h('details', {}, h('summary', {}, t('paper.items')), report(d.items || [])));
}

// report lists elements, those that were refused first.
function report(items) {
	const order = (i) => (i.state === 'refused' ? 0 : 1);
	return h('ul', { class: 'plain' }, items.toSorted((a, b) => order(a) - order(b)).map((i) => h('li', {},
		h('code', {}, i.path), ' ', h('span', { class: i.state === 'refused' ? 'bad-text' : 'soft' }, word('item', i.state)), i.why && h('div', { class: 'soft' }, said(i.why)))));
}

function deeds(p) {
	const back = async () => {
		if (await ask(t('paper.back'), h('p', {}, t('paper.back.help')), [[true, t('paper.back'), 'main'], [null, t('cancel')]])) await tell('provision revert').catch(refuse);
	};
	return h('div', { class: 'buttons' },
		p.refreshable && h('button', { onclick: () => tell('provision refresh').catch(refuse) }, t('paper.ask')),
		p.buyable && h('button', { onclick: () => tell('provision buy', { on: !p.buying }).catch(refuse) }, t(p.buying ? 'paper.bought' : 'paper.buy')),
		!p.trial && h('button', { onclick: back }, t('paper.back')));
}

// bring takes a document that the owner has, and applies it when he has seen what would
// become of it.
function bring(app) {
	const id = (name) => ({ type: 'file', id: 'paper-' + name, name, required: name === 'text' });
	const told = h('div', {});
	const f = form(app, [
		h('label', { htmlFor: 'paper-text' }, t('paper.file')), h('input', { ...id('text'), accept: '.xml,.json', 'aria-describedby': 'paper-texte' }),
		h('p', { class: 'fault', id: 'paper-texte', hidden: true }),
		h('label', { htmlFor: 'paper-signature' }, t('paper.signature')), h('input', id('signature')),
	], t('paper.check'), async (f) => {
		const args = await offer(f);
		if (!args) return refuse({ message: t('paper.choose') });
		const judged = await tell('provision check', args);
		const apply = h('button', { class: 'main', onclick: () => tell('provision apply', args).then((v) => {
			f.reset(); // it stands above from now on
			told.replaceChildren();
			if (!v.trial) refuse({ message: t('change.none') });
		}, refuse) }, t('paper.apply'));
		told.replaceChildren(h('p', { class: judged.refused ? 'bad-text' : '', role: 'status' }, t(judged.refused ? 'paper.refused' : 'paper.good')),
			report(judged.items), ...(judged.refused ? [] : [h('div', { class: 'buttons' }, apply)]));
	});
	return card(t('paper.bring'), h('p', { class: 'soft' }, t('paper.bring.help')), f, told);
}

// offer reads the chosen files byte by byte, for a signature holds for nothing else.
async function offer(f) {
	const [text, signature] = [f.elements.text.files[0], f.elements.signature.files[0]];
	if (!text) return null;
	const out = { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(await text.arrayBuffer()) };
	if (signature) out.signature = (await signature.text()).trim();
	return out;
}
