// Backup, passwords, tokens, logs, and starting again.

import { h, ask, card, facts, field, check, save, toast, values } from './dom.js';
import { look, tell } from './api.js';
import { has, t, when } from './text.js';
import { form, speech } from './start.js';
import { propose, refuse } from './trial.js';
import { all, current, settings } from './settings.js';

const scopes = ['read', 'settings', 'sim', 'document', 'admin'];

let follow = () => {};

export function draw(app) {
	const every = h('div', {});
	follow = current(every, (view) => [all(app, view)]);
	follow(app.state);
	const later = (promise, show) => {
		const place = h('div', {});
		promise.then((answer) => place.replaceChildren(show(answer)), refuse);
		return place;
	};
	return [h('h1', {}, t('nav.system')), about(app), keep(app), every, helper(), password(app),
		later(look('token list'), (list) => tokens(app, list)), later(look('audit'), deeds), speech(app), again(app)];
}

export function update(app) { follow(app.state); }

function about(app) {
	const p = app.state.process;
	return card(t('about'), facts(['tetherd', p.version], [t('since'), when(p.started)]), h('div', { class: 'buttons' },
		h('button', { onclick: async () => { await tell('logout'); await app.refresh(); } }, t('logout'))));
}

// keep is backup and restore.
function keep() {
	const file = h('input', { type: 'file', id: 'restore', accept: '.conf,text/plain', onchange: async (e) => {
		const text = await e.target.files[0]?.text();
		e.target.value = '';
		if (text === undefined) return;
		const now = await settings().catch(refuse); // what the differences are told from
		if (now) await propose('restore', { text, revision: now.revision });
	} });
	return card(t('backup.title'), h('p', { class: 'soft' }, t('backup.help')), h('div', { class: 'buttons' },
		h('button', { onclick: () => look('backup').then((b) => save('tetherd.conf', b.text), refuse) }, t('backup.do'))),
		h('label', { htmlFor: 'restore' }, t('restore.do')), file);
}

function helper() {
	const log = h('pre', { tabIndex: 0, hidden: true, 'aria-label': t('log') });
	return card(t('help.title'), h('p', { class: 'soft' }, t('support.help')), h('div', { class: 'buttons' },
		h('button', { onclick: () => look('support').then((b) => save('tetherd-support.json', JSON.stringify(b, null, 1)), refuse) }, t('support.do')),
		h('button', { onclick: async () => { log.textContent = (await look('log')).text || '–'; log.hidden = false; log.focus(); } }, t('log.do'))), log);
}

function password(app) {
	return card(t('password.change'), form(app, [
		field(t('password.old'), { name: 'old', type: 'password', autocomplete: 'current-password', required: true }),
		field(t('password.new'), { name: 'new', type: 'password', autocomplete: 'new-password', required: true }, t('password.rule')),
	], t('password.change'), async (f) => {
		await tell('password', { old: f.elements.old.value, new: f.elements.new.value });
		toast(t('password.changed'));
		await app.refresh();
	}));
}

function tokens(app, list) {
	const place = h('div', {});
	const draw = (tokens) => place.replaceChildren(h('ul', { class: 'plain' }, tokens.map((x) => h('li', {}, h('b', {}, x.name), ' ', x.scopes.map((s) => t('scope.' + s)).join(', '), ' · ', when(x.created), ' ',
		h('button', { class: 'danger', 'aria-label': t('token.remove') + ' ' + x.name, onclick: () => tell('token remove', { name: x.name }).then(renew, refuse) }, t('token.remove'))))));
	const renew = async () => draw((await look('token list')).tokens);
	draw(list.tokens);
	return card(t('token.title'), h('p', { class: 'soft' }, t('token.help')), place, form(app, [
		field(t('token.name'), { name: 'name', maxLength: 32, required: true }),
		h('fieldset', {}, h('legend', {}, t('token.scopes')), scopes.map((s) => check(has('scope.' + s) ? t('scope.' + s) : s, { name: 'scope-' + s, checked: s === 'read' }))),
	], t('token.add'), async (f) => {
		const v = values(f), made = await tell('token add', { name: v.name, scopes: scopes.filter((s) => v['scope-' + s]) });
		await renew();
		await ask(t('token.made'), h('div', {}, h('p', {}, t('token.once')), h('pre', { tabIndex: 0 }, made.token)), [[true, t('close'), 'main']]);
	}));
}

function deeds(list) {
	return card('', h('details', {}, h('summary', {}, t('audit')), h('ul', { class: 'plain' }, list.deeds.map((d) =>
		h('li', {}, when(d.at), ' ', h('b', {}, d.verb), ' ', (d.what || []).join(', '), h('div', { class: 'soft' }, [d.by, d.from, d.error].filter(Boolean).join(' · ')))))));
}

// again is restart and reset.
function again(app) {
	const sure = async (title, text, verb, args) => {
		if (!await ask(title, h('p', {}, text), [[true, title, 'danger'], [null, t('cancel')]])) return;
		await tell(verb, args).catch(refuse);
		setTimeout(app.refresh, 4000);
	};
	return card(t('again.title'), h('div', { class: 'buttons' },
		h('button', { onclick: () => sure(t('restart'), t('restart.help'), 'restart') }, t('restart')),
		h('button', { class: 'danger', onclick: () => sure(t('reset'), t('reset.help'), 'factory reset', { sure: 'yes' }) }, t('reset'))));
}
