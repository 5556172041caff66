// The page: who is there, which view is shown, and the state that all views draw.

import { h, toast } from './dom.js';
import { look, watch } from './api.js';
import { language, learn, speak, t } from './text.js';
import { drawTrial, recent } from './trial.js';
import * as start from './start.js';
import * as home from './home.js';
import * as devices from './devices.js';
import * as hotspot from './hotspot.js';
import * as sim from './sim.js';
import * as operator from './operator.js';
import * as doctor from './doctor.js';
import * as system from './system.js';

const views = { home, devices, hotspot, sim, operator, doctor, system };

// app is what views get: the state, who is logged in, and how to draw again.
const app = { state: null, session: null, show, refresh, renewed, draw };

let stop = null, shown = '';

const viewName = () => (views[location.hash.slice(2)] ? location.hash.slice(2) : 'home');

// refresh asks who is logged in and begins anew.
async function refresh() {
	try {
		app.session = await look('session');
	} catch {
		contact(false);
		setTimeout(refresh, 2000);
		return;
	}
	shown = '';
	listen();
	draw();
}

// renewed begins anew when who is logged in, or whether a password was chosen, is not what it
// was: somebody else has seen to it, or the gateway has begun anew itself.
async function renewed() {
	const was = app.session, now = await look('session').catch(() => was);
	if (!now || now.in === was?.in && now.fresh === was?.fresh) return false;
	await refresh();
	return true;
}

// listen follows the state from now on, while somebody can see it: a browser has six
// connections for all that it shows of a gateway, and each page that listens holds one.
function listen() {
	stop?.();
	stop = document.hidden ? null : watch((state) => { app.state = state; learn(state.doctor); home.sample(state); draw(); }, contact);
}

// contact says whether the gateway answers. While it does not it is asked again and again;
// then what was followed before is a connection that may be dead.
let lost = false;
function contact(there) {
	const el = document.getElementById('contact'), back = there && lost, gone = !there && !lost;
	lost = !there;
	el.hidden = there;
	if (back) {
		listen();
		renewed();
	}
	if (gone) {
		el.textContent = t('contact.lost') + (app.state?.trial || recent() ? ' ' + t('contact.trial') : '');
		setTimeout(again, 2000);
	}
}

// again asks until there is an answer.
const again = () => lost && look('session', 4000).catch(() => setTimeout(again, 2000));

addEventListener('lost', () => contact(false));
addEventListener('found', () => contact(true));

// show goes to a view.
function show(name) { location.hash = '#/' + name; }

// draw draws what changed. A view that somebody fills in keeps its form: it says itself
// what of it is live.
function draw() {
	if (!app.session) return;
	const main = document.getElementById('main');
	const name = app.session.fresh ? 'fresh' : app.session.in ? viewName() : 'login';
	drawNav(name);
	document.getElementById('brand').textContent = ['tetherd', operator.inForce(app.state?.provision)?.name].filter(Boolean).join(' · ');
	drawTrial(app);
	if (!app.state && name !== 'fresh' && name !== 'login') return;
	if (name === shown) {
		views[name]?.update(app);
		return;
	}
	const first = shown === '';
	shown = name;
	const view = name === 'fresh' ? start.fresh : name === 'login' ? start.login : views[name].draw;
	main.replaceChildren(...view(app));
	document.title = t('nav.' + name) + ' · tetherd';
	if (!first) main.focus();
}

let links = ''; // as they are drawn: somebody has one in focus, or is about to press it

function drawNav(current) {
	const nav = document.getElementById('nav');
	if (links === current + language()) return;
	links = current + language();
	nav.hidden = !(current in views);
	nav.setAttribute('aria-label', t('nav'));
	nav.replaceChildren(...Object.keys(views).map((name) =>
		h('a', { href: '#/' + name, 'aria-current': name === current ? 'page' : undefined }, t('nav.' + name))));
}

document.addEventListener('visibilitychange', () => {
	if (!app.session) return; // refresh is at it
	listen();
	if (!document.hidden) renewed();
});
addEventListener('hashchange', draw);
addEventListener('unhandledrejection', (e) => { toast(String(e.reason?.message || e.reason)); });

await speak();
await refresh();
