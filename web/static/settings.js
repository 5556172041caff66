// Every setting, as the gateway lists them.

import { h, card, field } from './dom.js';
import { look } from './api.js';
import { t } from './text.js';
import { form } from './start.js';
import { propose } from './trial.js';

// settings asks for what holds.
export const settings = () => look('config get');

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

// all draws every section as a form of its own.
export function all(app, view) {
	return card(t('settings.title'), h('p', { class: 'soft' }, t('settings.help')), view.sections.map((section) => {
		const drawn = form(app, section.options.map((o) => field(o.name, {
			name: section.address + '.' + o.name, value: o.values.join(' '), type: o.secret ? 'password' : 'text',
			autocomplete: o.secret ? 'new-password' : 'off', placeholder: o.set ? t('settings.secret') : '',
		}, o.list ? t('settings.list') : o.default ? t('settings.default') : '')), t('save'), async (f) => {
			const list = changes(section, f, was);
			if (list.length && await propose('config set', { changes: list, revision: view.revision }, f)) app.draw();
		});
		const was = new Map([...drawn.elements].map((el) => [el.name, el.value]));
		return h('details', {}, h('summary', {}, section.address), drawn);
	}));
}
