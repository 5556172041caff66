// The verbs over HTTP, and the state as it changes.

// Fault is a refusal: its code, its message in English, and what it is about.
export class Fault extends Error {
	constructor(told) {
		super(told.message);
		Object.assign(this, { code: told.code, field: told.field, faults: told.faults || [], wait: told.wait_s });
	}
}

async function send(method, path, args, limit) {
	let answer;
	try {
		answer = await fetch(path, {
			method, cache: 'no-store', headers: method === 'POST' ? { 'Content-Type': 'application/json' } : {},
			body: method === 'POST' ? JSON.stringify(args || {}) : undefined, signal: AbortSignal.timeout(limit || 15000),
		});
	} catch {
		dispatchEvent(new Event('lost'));
		throw new Fault({ code: 'contact', message: 'the gateway does not answer' });
	}
	dispatchEvent(new Event('found'));
	let told;
	try {
		told = await answer.json();
	} catch {
		throw new Fault({ code: 'contact', message: 'the gateway gave no answer that can be read' });
	}
	if (!answer.ok) throw new Fault(told.error || { code: 'failed', message: answer.statusText });
	return told;
}

// look asks for something, tell changes something. A verb's name is its path.
export const look = (verb, limit) => send('GET', '/v1/' + verb.replaceAll(' ', '/'), null, limit);
export const tell = (verb, args) => send('POST', '/v1/' + verb.replaceAll(' ', '/'), args);

// Silence is how long the gateway says nothing at most while there is contact.
const silence = 40000;

// watch calls onState with each new state and onContact when contact is lost or back. It
// returns what ends it. A radio that went away closes no connection: silence tells.
export function watch(onState, onContact) {
	let source, timer, ended = false;
	const lost = () => {
		if (ended) return;
		onContact(false);
		source.close();
		clearTimeout(timer);
		if (!ended) timer = setTimeout(open, 2000);
	};
	const there = () => { // who is told may end this watch
		onContact(true);
		if (ended) return;
		clearTimeout(timer);
		timer = setTimeout(lost, silence);
	};
	const open = () => {
		timer = setTimeout(lost, silence);
		source = new EventSource('/v1/events');
		source.addEventListener('status', (e) => { there(); if (!ended) onState(JSON.parse(e.data)); });
		source.addEventListener('beat', there);
		source.onerror = lost;
	};
	open();
	return () => { ended = true; clearTimeout(timer); source.close(); };
}
