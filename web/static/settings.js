// Every setting, as the gateway lists them.

import { h, card, field } from './dom.js';
import { look } from './api.js';
import { t } from './text.js';
import { form } from './start.js';
import { propose, refuse } from './trial.js';

// settings asks for what holds.
export const settings = () => look('config get');

// current keeps what is drawn of the settings in a place as they are in force, whoever
// changes them or takes a change back. What somebody has typed and not sent stays, and so
// does the focus. It returns what is to be told each state.
export function current(place, show) {
	let drawn = null, was = new Map();
	const fields = () => [...place.querySelectorAll('[name]')];
	return (state) => {
		if (state.revision === drawn) return;
		drawn = state.revision;
		settings().then((view) => {
			const typed = fields().filter((el) => el.value !== was.get(el.name) && el.value !== el.sent);
			const at = place.contains(document.activeElement) && document.activeElement, where = at && spot(at), around = at && box(at);
			place.replaceChildren(...show(view));
			was = new Map(fields().map((el) => [el.name, el.value]));
			for (const old of typed) {
				const el = fields().find((x) => x.name === old.name);
				if (!el) continue;
				el.value = old.value;
				el.dispatchEvent(new Event('change'));
			}
			if (!at) return;
			const all = [...place.querySelectorAll('input, select, button, summary')];
			(all.find((el) => spot(el) === where) || all.find((el) => el.type === 'submit' && box(el) === around))?.focus({ preventScroll: true });
		}, (fault) => { drawn = null; refuse(fault); });
	};
}

// box names what an element stands in: its section, or else its card.
const box = (el) => el.closest('details, .card')?.querySelector('summary, h2')?.textContent;

// spot names an element, so that the one that takes its place is found.
const spot = (el) => el.name || [el.tagName, box(el), el.textContent].join();

// option finds one option of a section.
export function option(view, section, name) {
	const s = view.sections.find((x) => x.address === section || x.type === section);
	return s?.options.find((o) => o.name === name) || { values: [] };
}

// changes turns a form into the changes that it makes of what was. A field that nobody
// touched holds what it showed, which need not be all of a value: a browser drops its line
// breaks.
function changes(section, f, was) {
	const out = [];
	for (const o of section.options) {
		const name = section.address + '.' + o.name, text = f.elements.namedItem(name).value;
		if (text === was.get(name) || o.secret && text === '') continue;
		const parts = o.list ? text.split(/\s+/).filter(Boolean) : [o.secret ? text : text.trim()];
		out.push(...(parts.length ? parts : ['']).map((p) => name + '=' + p));
	}
	return out;
}

const open = new Set(); // sections that are open, also when they are drawn anew

// all draws every section as a form of its own.
export function all(app, view) {
	return card(t('settings.title'), h('p', { class: 'soft' }, t('settings.help')), view.sections.map((section) => {
		const drawn = form(app, section.options.map((o) => field(o.name, {
			name: section.address + '.' + o.name, value: o.values.join(' '), type: o.secret ? 'password' : 'text',
			autocomplete: o.secret ? 'new-password' : 'off', placeholder: o.set ? t('settings.secret') : '',
		}, o.list ? t('settings.list') : o.default ? t('settings.default') : '')), t('save'), async (f) => {
			const list = changes(section, f, was);
			if (list.length) await propose('config set', { changes: list, revision: view.revision }, f);
		});
		const was = new Map([...drawn.elements].map((el) => [el.name, el.value]));
		const at = section.address, opened = (e) => (e.target.open ? open.add(at) : open.delete(at));
		return h('details', { open: open.has(at), ontoggle: opened }, h('summary', {}, section.address), drawn);
	}));
}
