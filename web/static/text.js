// Words in the reader's language, from lang/*.json.

let known = [], words = {}, other = {}, lang = 'en', patterns = [];

// languages are those that there are, by their own names.
export const languages = () => known.map((code) => {
	const name = new Intl.DisplayNames(code, { type: 'language' }).of(code);
	return [code, name[0].toLocaleUpperCase(code) + name.slice(1)];
});
export const language = () => lang;

const load = async (path) => (await fetch(path)).json();

// speak chooses a language: the one given, the one kept, or the browser's first that is
// known.
export async function speak(choice) {
	if (choice) localStorage.setItem('lang', choice);
	const wishes = [localStorage.getItem('lang'), ...navigator.languages.map((l) => l.slice(0, 2)), 'en'];
	known = await load('lang/');
	lang = wishes.find((l) => known.includes(l));
	other = await load('lang/en.json');
	words = lang === 'en' ? other : await load(`lang/${lang}.json`);
	patterns = Object.entries(words.server || {}).map(([from, to]) => [pattern(from), to]);
	before.clear();
	document.documentElement.lang = lang;
	document.querySelector('.skip').textContent = t('skip');
}

// pattern matches a sentence of the gateway, in which {1} stands for what varies.
function pattern(from) {
	return new RegExp('^' + from.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\d\}/g, '(.+?)') + '$');
}

// t is the text of a key with its {names} filled in.
export function t(key, args) {
	const text = words[key] ?? other[key] ?? key;
	return args ? text.replace(/\{(\w+)\}/g, (all, name) => args[name] ?? all) : text;
}

// has says whether a key has a text.
export const has = (key) => key in other;

// word is the text of a value in a group, or the value.
export const word = (group, value) => (value && has(group + '.' + value) ? t(group + '.' + value) : value);

let told = []; // what the doctor says in several languages

// learn takes it.
export function learn(doctor) {
	const now = [...doctor.findings, ...(doctor.history || [])], key = (list) => list.map((f) => f.sentence).join();
	if (key(now) !== key(told) || before.size > 500) before.clear();
	told = now;
}

// retold are its sentences and clauses in English and in the reader's language.
const retold = () => told.filter((f) => f.in?.[lang]).flatMap((f) =>
	[[f.sentence, f.in[lang].sentence], [f.clause, f.in[lang].clause]].filter(([from, to]) => from && to));

const before = new Map(); // what was said lately

// said is a sentence of the gateway in the reader's language, as far as it is known.
export function said(text) {
	if (!text || lang === 'en') return text;
	if (!before.has(text)) before.set(text, translate(text));
	return before.get(text);
}

function translate(text) {
	for (const [from, to] of retold()) {
		if (text === from) return to;
		if (text.endsWith(' ' + from)) return said(text.slice(0, -from.length - 1)) + ' ' + to;
	}
	for (const [from, to] of patterns) {
		const found = from.exec(text);
		if (found) return to.replace(/\{(\d)\}/g, (_, n) => said(found[n]));
	}
	return text.includes('; ') ? text.split('; ').map(said).join('; ') : text;
}

// count picks the form of a counted thing: "1 device", "3 devices".
export function count(key, n) {
	return t(key + '.' + new Intl.PluralRules(lang).select(n), { n });
}

// span writes a duration of so many seconds.
export function span(seconds) {
	const units = [['s', 60], ['min', 60], ['h', 24], ['d', Infinity]];
	let u = 0, n = seconds;
	while (n >= units[u][1]) n /= units[u++][1];
	return Math.round(n) + ' ' + t('unit.' + units[u][0]);
}

// bytes writes a size.
export function bytes(n) {
	const units = t('unit.bytes').split(' ');
	let u = 0;
	while (n >= 1000 && u < units.length - 1) { n /= 1000; u++; }
	return new Intl.NumberFormat(lang, { maximumFractionDigits: n < 10 && u > 0 ? 1 : 0 }).format(n) + ' ' + units[u];
}

// when writes a moment: the time, with the date unless it is today.
export function when(text) {
	const at = new Date(text);
	const today = at.toDateString() === new Date().toDateString();
	return new Intl.DateTimeFormat(lang, today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' }).format(at);
}
