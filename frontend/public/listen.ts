// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Reads a post aloud with one of the browser's voices.
import { all, onPress } from "./page";

/** Chrome's remote voices fall silent after about 15 seconds: https://crbug.com/41294170 */
const MAX_CHARACTERS = 180;
// Without the alerts in force that stand above it.
const ARTICLE = "#content .day article.post";
const PARTS = "h3, .when, .text p, .text li, .text [role=listitem], .text pre, .corrected";
// Italians say *uno uno due*, not *centododici*.
const EMERGENCY = /(\b(?:il|al|numero|chiama(?:re|te)?|call|dial|ring)\s+)(11[2-8]|15(?:15|22|30)|116\d{3})\b/gi;

interface Piece {
  text: string;
  language: string;
}

// The sentences still to be read. Each press starts a new list; events of an older list are ignored.
let queue: Piece[] = [];

export function startListening(): void {
  const button = document.querySelector<HTMLButtonElement>("[data-listen]");
  const article = document.querySelector<HTMLElement>(ARTICLE);
  if (!button || !article || !("speechSynthesis" in window)) return;
  const offer = (): void => {
    button.hidden = !voiceOf(languageOf(article.querySelector("h3") ?? article));
  };
  offer();
  // Most browsers load their voices after the page.
  speechSynthesis.addEventListener?.("voiceschanged", offer);
  onPress("[data-listen]", () => (queue.length ? stop() : start(button)));
  addEventListener("pagehide", stop);

  function start(pressed: HTMLElement): void {
    // A correction may have replaced the card.
    queue = all(PARTS, document.querySelector(ARTICLE) ?? document).flatMap(pieces);
    show(pressed, queue.length > 0);
    speechSynthesis.cancel();
    speak(queue, () => show(pressed, false));
  }

  function stop(): void {
    queue = [];
    speechSynthesis.cancel();
    if (button) show(button, false);
  }
}

function show(button: HTMLElement, isSpeaking: boolean): void {
  for (const part of all("[data-while]", button)) part.hidden = (part.dataset["while"] === "speaking") !== isSpeaking;
}

/** Reads one piece after another for as long as this list is the current one. */
function speak(pieces: Piece[], onEnd: () => void): void {
  if (pieces !== queue) return;
  const piece = pieces[0];
  if (!piece) return onEnd();
  const utterance = new SpeechSynthesisUtterance(piece.text);
  utterance.lang = piece.language;
  utterance.voice = voiceOf(piece.language) ?? null;
  utterance.onend = utterance.onerror = () => {
    pieces.shift();
    speak(pieces, onEnd);
  };
  speechSynthesis.speak(utterance);
}

/** Prefers a voice of the device to one that sends the text to a server. */
function voiceOf(language: string): SpeechSynthesisVoice | undefined {
  const fitting = speechSynthesis.getVoices().filter((voice) => /^[a-z]+/i.exec(voice.lang)?.[0] === /^[a-z]+/i.exec(language)?.[0]);
  return fitting.find((voice) => voice.localService && voice.default) ?? fitting.find((voice) => voice.localService) ?? fitting[0];
}

function languageOf(element: Element): string {
  return element.closest("[lang]")?.getAttribute("lang") ?? "";
}

function pieces(element: HTMLElement): Piece[] {
  const copy = element.cloneNode(true) as HTMLElement;
  for (const part of all(".visually-hidden, [aria-hidden=true]", copy)) part.remove();
  for (const line of all("br", copy)) line.replaceWith("\n");
  for (const number of all("a[href^='tel:']", copy)) number.textContent = digits(number.textContent ?? "");
  const words = (copy.textContent ?? "").replace(EMERGENCY, (_, before: string, number: string) => before + digits(number));
  const language = languageOf(element.querySelector("[lang]") ?? element);
  return sentences(words, language).map((text) => ({ text, language }));
}

function digits(number: string): string {
  return number.replace(/\d(?=\d)/g, "$& ");
}

function sentences(words: string, language: string): string[] {
  const segments = "Segmenter" in Intl ? [...new Intl.Segmenter(language, { granularity: "sentence" }).segment(words)] : [];
  const whole = segments.length ? segments.map(({ segment }) => segment) : [words];
  const short = new RegExp(`\\S(?:[^]{0,${MAX_CHARACTERS - 2}}\\S)?(?=\\s|$)|\\S{1,${MAX_CHARACTERS}}`, "g");
  return whole.flatMap((sentence) => sentence.match(short) ?? []);
}
