// Before anything is open: the password is chosen, or given.

import { h, card, field, forgive, complain } from './dom.js';
import { tell } from './api.js';
import { refuse } from './trial.js';
import { contact, inForce } from './operator.js';
import { language, languages, said, speak, t } from './text.js';

// fresh is the first start.
export function fresh(app) {
	return [h('h1', {}, t('fresh.title')), card('', h('p', {}, t('fresh.why')), form(app, [
		field(t('password.new'), { name: 'new', type: 'password', autocomplete: 'new-password', required: true, minLength: 8, maxLength: 72 }, t('password.rule')),
		field(t('password.again'), { name: 'again', type: 'password', autocomplete: 'new-password', required: true }),
	], t('fresh.do'), async (f) => {
		if (f.elements.new.value !== f.elements.again.value) return complain(f, 'again', t('password.differ'));
		await tell('password', { new: f.elements.new.value });
		await tell('login', { password: f.elements.new.value });
		await app.refresh();
		if (app.state?.wifi?.radios) app.show('hotspot'); // to name the networks, who wants to
	})), speech(app)];
}

// login asks for the password.
export function login(app) {
	const sentence = app.state ? h('p', { class: 'say' }, said(app.state.sentence)) : null;
	return [h('h1', {}, t('login.title')), sentence && card('', sentence), card('', form(app, [
		h('input', { type: 'text', name: 'who', value: 'admin', autocomplete: 'username', hidden: true }),
		field(t('password'), { name: 'password', type: 'password', autocomplete: 'current-password', required: true }),
	], t('login.do'), async (f) => {
		await tell('login', { password: f.elements.password.value });
		await app.refresh();
	})), app.state && inForce(app.state.provision) && contact(inForce(app.state.provision)), speech(app), h('p', { class: 'soft' }, t('login.forgot'))].filter(Boolean);
}

// form is a form whose button does something that may be refused.
export function form(app, fields, label, action) {
	const button = h('button', { class: 'main', type: 'submit' }, label);
	const f = h('form', { method: 'post', noValidate: true, onsubmit: async (e) => {
		e.preventDefault();
		if (button.hasAttribute('aria-disabled')) return; // it is being done
		forgive(f);
		button.setAttribute('aria-disabled', 'true'); // a disabled one would lose the focus
		button.classList.add('busy');
		try {
			await action(f);
		} catch (fault) {
			if (fault.code === 'denied' && await app.renewed()) return; // and is asked for what holds now
			if (fault.wait) complain(f, f.querySelector('[type=password]')?.name, t('login.wait', { n: fault.wait })) || refuse(fault, f);
			else refuse(fault, f);
		}
		button.removeAttribute('aria-disabled');
		button.classList.remove('busy');
	} }, fields, h('div', { class: 'buttons' }, button));
	return f;
}

// speech chooses the language.
export function speech(app) {
	const select = field('Language · Язык', { name: 'language', options: languages(), value: language() });
	select.querySelector('select').addEventListener('change', async (e) => { await speak(e.target.value); await app.refresh(); });
	return card('', select);
}
