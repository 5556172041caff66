// Elements from data. Text is always text: nothing that comes from the network is read
// as markup.

import { t } from './text.js';

// h makes an element: properties, then children, of which null and false are left out.
export function h(name, props, ...children) {
	const el = document.createElement(name);
	for (const [key, value] of Object.entries(props || {})) {
		if (value === undefined || value === null || value === false) continue;
		if (key.startsWith('on')) el.addEventListener(key.slice(2), value);
		else if (key === 'class') el.className = value;
		else if (key in el && key !== 'list' && key !== 'role') el[key] = value;
		else el.setAttribute(key, value === true ? '' : value);
	}
	el.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
	return el;
}

// svg makes an element of a drawing.
export function svg(name, attributes, ...children) {
	const el = document.createElementNS('http://www.w3.org/2000/svg', name);
	for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
	el.append(...children);
	return el;
}

let count = 0;

// field is an input with its label and a place for its fault.
export function field(label, props, help) {
	const id = 'f' + ++count;
	const fault = h('p', { class: 'fault', id: id + 'e', hidden: true });
	const input = props.options
		? h('select', { id, name: props.name }, props.options.map(([value, text]) => h('option', { value, selected: value === props.value }, text)))
		: h('input', { id, autocomplete: 'off', ...props });
	const describe = [help && id + 'h', id + 'e'].filter(Boolean).join(' ');
	input.setAttribute('aria-describedby', describe);
	return h('div', { class: 'field' }, h('label', { htmlFor: id }, label), input, help && h('p', { class: 'soft', id: id + 'h' }, help), fault);
}

// check is a box to tick.
export function check(label, props) {
	return h('label', { class: 'row' }, h('input', { type: 'checkbox', ...props }), label);
}

// complain shows a fault at the field of a form that it is about; false when none is. What
// is no sentence of its own is said of the field.
export function complain(form, name, text) {
	const input = form.elements.namedItem(name);
	const place = input && document.getElementById(input.id + 'e');
	if (!place) return false;
	place.textContent = /^\p{Lu}/u.test(text) ? text : t('fault', { field: input.labels[0]?.textContent || name, what: text });
	place.hidden = false;
	input.setAttribute('aria-invalid', 'true');
	input.focus();
	return true;
}

// forgive takes back all faults of a form.
export function forgive(form) {
	for (const p of form.querySelectorAll('.fault')) p.hidden = true;
	for (const i of form.querySelectorAll('[aria-invalid]')) i.removeAttribute('aria-invalid');
}

// values are a form's texts and ticks by name.
export function values(form) {
	const out = {};
	for (const el of form.elements) {
		if (el.name) out[el.name] = el.type === 'checkbox' ? el.checked : el.type === 'radio' ? (el.checked ? el.value : out[el.name]) : el.value;
	}
	return out;
}

// card is one box of the page.
export function card(title, ...children) {
	return h('section', { class: 'card' }, title && h('h2', {}, title), children);
}

// facts lists names and values; those without a value are left out.
export function facts(...pairs) {
	return h('dl', {}, pairs.filter(([, v]) => v !== undefined && v !== null && v !== '' && v !== false).map(([k, v]) => [h('dt', {}, k), h('dd', {}, v)]));
}

// toast says something that passes.
export function toast(text) {
	const p = h('p', {}, text);
	document.getElementById('toast').replaceChildren(p);
	setTimeout(() => p.remove(), 6000);
}

// ask shows a dialogue and resolves to what its button stands for; null is no.
export function ask(title, body, buttons) {
	return new Promise((resolve) => {
		const heading = h('h2', { id: 'asked' }, title);
		const row = buttons.map(([value, text, style]) => h('button', { type: 'button', class: style, onclick: () => done(value) }, text));
		const d = h('dialog', { 'aria-labelledby': 'asked' }, heading, body, h('div', { class: 'buttons' }, row));
		const done = (value) => { resolve(value); d.close(); };
		d.addEventListener('close', () => { resolve(null); d.remove(); });
		document.body.append(d);
		d.showModal();
	});
}

// save hands a text to the browser as a file.
export function save(name, text) {
	const a = h('a', { href: URL.createObjectURL(new Blob([text], { type: 'text/plain' })), download: name });
	document.body.append(a);
	a.click();
	a.remove();
	setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}
