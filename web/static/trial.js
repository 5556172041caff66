// Changes of the settings: told before, made, and kept or undone.

import { h, ask, complain, forgive, toast } from './dom.js';
import { look, tell } from './api.js';
import { said, t } from './text.js';

// propose tells what a change does, asks, and makes it. It resolves to true when it was
// made. Faults are shown in the form, or said.
export async function propose(verb, args, form) {
	if (form) forgive(form);
	try {
		const told = await tell(verb, { ...args, dry: true });
		if (told.changes.length === 0 && told.interrupts.length === 0) {
			toast(t('change.none'));
			return false;
		}
		if (!await agreed(told)) return false;
		made = Date.now();
		for (const el of form?.elements || []) el.sent = el.value; // which is typed no more
		await tell(verb, args);
		return true;
	} catch (fault) {
		if (fault.code === 'contact') return false; // which is said already
		for (const el of form?.elements || []) delete el.sent;
		refuse(fault, form);
		return false;
	}
}

// refuse shows a fault at its field, or says it.
export function refuse(fault, form) {
	if (form && fault.field && complain(form, fault.field, said(fault.message))) return;
	for (const f of fault.faults || []) {
		if (form && complain(form, place(form, f), said(f.message))) return;
	}
	const more = (fault.faults || []).map((f) => [f.section, f.option].filter(Boolean).join('.') + ': ' + said(f.message));
	toast([said(fault.message), ...more].join('\n'));
}

// place is the name of the field that a fault is about. A section that is addressed by its
// place in the file is told by its name.
function place(form, f) {
	const exact = f.section + '.' + f.option, by = [...form.elements].filter((el) => el.name.startsWith('@') && el.name.endsWith('].' + f.option));
	return form.elements.namedItem(exact) || by.length !== 1 ? exact : by[0].name;
}

// agreed shows what stops and what differs.
async function agreed(told) {
	const stops = told.interrupts.map((i) => h('li', {}, said(i.text)));
	const value = (list) => list.join(', ') || '–';
	const rows = told.changes.map((c) => h('li', {}, h('code', {}, c.section + '.' + c.option), ' ', value(c.before), ' → ', value(c.after)));
	const body = h('div', {},
		stops.length ? h('ul', {}, stops) : h('p', {}, t('change.quiet')),
		h('details', {}, h('summary', {}, t('change.what')), h('ul', { class: 'plain' }, rows)),
		told.restart?.length ? h('p', {}, t('change.restart')) : null);
	return ask(t('change.title'), body, [[true, t('change.do'), 'main'], [null, t('cancel')]]);
}

let timer = 0, drawn = '', known, ends = 0, made = 0;

// recent says whether a change was made just now, so that contact may be lost by it.
export const recent = () => Date.now() - made < 90000;

// drawTrial shows the change that is on trial, or how the last one ended.
export function drawTrial(app) {
	const el = document.getElementById('trial');
	const trial = app.session?.in && app.state?.trial, last = app.state?.last_change;
	present(app.session?.in && [app.state?.trial, app.state?.provision?.trial].find((x) => x?.attended));
	if (app.state) known ??= last?.id || '';
	if (trial) {
		if (drawn !== trial.id) show(app, el, trial);
		return;
	}
	clearInterval(timer);
	drawn = '';
	if (app.session?.in && last && last.id !== known) {
		known = last.id;
		made = 0;
		el.className = last.kept ? 'good' : 'bad';
		el.hidden = false;
		el.replaceChildren(h('p', {}, t(last.kept ? 'trial.kept' : 'trial.undone', { why: said(last.why) })),
			h('div', { class: 'buttons' }, h('button', { onclick: () => { el.hidden = true; } }, t('close'))));
	} else if (el.className === '') {
		el.hidden = true;
	}
}

// show says what is on trial and for how long still.
function show(app, el, trial) {
	drawn = trial.id;
	ends = Date.now() + trial.left_ms;
	el.hidden = false;
	el.className = '';
	const left = h('span', { 'aria-hidden': 'true' });
	el.replaceChildren(h('p', {}, t(trial.attended ? 'trial.attended' : 'trial.unattended', { by: trial.by }), ' ', left),
		h('div', { class: 'buttons' },
			h('button', { class: 'main', onclick: () => end('config confirm', trial.id) }, t('trial.keep')),
			h('button', { onclick: () => end('config revert', trial.id) }, t('trial.undo'))));
	clearInterval(timer);
	timer = setInterval(() => { left.textContent = t('trial.left', { n: Math.max(0, Math.round((ends - Date.now()) / 1000)) }); }, 1000);
}

let shown = ''; // the trial during which somebody is told to be there

// present tells while somebody's change or document is on trial, and no longer, that the page
// is seen. What counts is a connection that was made under it: an answer ends one of before.
function present(trial) {
	const id = trial?.id || '';
	if (shown === id) return;
	shown = id;
	if (!trial) return;
	const end = Date.now() + (trial.left_ms ?? Date.parse(trial.until) - Date.parse(trial.began));
	const again = () => shown === id && Date.now() < end && look('session', 5000).catch(() => {}).then(() => setTimeout(again, 1000));
	setTimeout(again, 1000);
}

async function end(verb, id) {
	try {
		await tell(verb, { id });
	} catch (fault) {
		refuse(fault);
	}
}
