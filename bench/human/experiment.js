/* An experiment in the design of Feather et al. (2023): a participant's list, trial by trial.
   Nothing is loaded from other servers; what files say is shown as text, never as HTML. */
"use strict";

const AHEAD = 10;               // trials whose pictures are loaded beforehand
const ATTEMPTS = 4;             // to load a file, with pauses in between
const FEEDBACK_MS = 1200;
const SENDING_MS = 30000;
const FIXATION_PX = 15;         // half the length of the cross's arms
const INK = "#000000";

const $ = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const frame = () => new Promise((done) => requestAnimationFrame(done));

let page;                       // what experiment.json says of the page
let list;                       // the participant's list
let answers;                    // rows of the trials done
let kept = true;                // whether the browser keeps them
let timesHidden = 0;            // how often the page went out of view
let frameMs = 1000 / 60;

document.addEventListener("visibilitychange", () => { if (document.hidden) timesHidden += 1; });

function show(name) {
  for (const section of document.querySelectorAll("main > section")) {
    section.hidden = section.id !== name;
  }
  window.scrollTo(0, 0);
}

function clicked(id) {
  return new Promise((done) => $(id).addEventListener("click", done, { once: true }));
}

function spaceBar() {
  return new Promise((done) => {
    const listen = (event) => {
      if (event.code !== "Space" || event.repeat) return;
      event.preventDefault();
      document.removeEventListener("keydown", listen);
      done();
    };
    document.addEventListener("keydown", listen);
  });
}

async function problem(text) {
  $("problem-text").textContent = text;
  show("problem");
  await clicked("problem-go");
}

// -- files

async function fetched(path) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(path);
      if (response.ok) return response;
      if (response.status === 404) throw Object.assign(new Error("absent"), { absent: true });
      throw new Error(`status ${response.status}`);
    } catch (error) {
      if (error.absent || attempt === ATTEMPTS) throw error;
      await pause(500 * 2 ** attempt);
    }
  }
}

const pictures = new Map();     // file name -> promise of its pixels

function load(name) {
  if (!pictures.has(name)) {
    const loading = fetched(`stimuli/${name}`).then((r) => r.blob()).then(createImageBitmap);
    loading.catch(() => pictures.delete(name));   // the next trial tries again
    pictures.set(name, loading);
  }
  return pictures.get(name);
}

function loadAhead(from) {
  const soon = list.trials.slice(from, from + AHEAD).flatMap((trial) => [trial.file, trial.mask]);
  const wanted = new Set(soon);
  for (const [name, loading] of pictures) {
    if (wanted.has(name)) continue;
    pictures.delete(name);
    loading.then((bitmap) => bitmap.close(), () => {});
  }
  for (const name of wanted) load(name).catch(() => {});
}

async function picturesOf(trial) {
  for (;;) {
    try {
      return await Promise.all([load(trial.file), load(trial.mask)]);
    } catch {
      await problem("A picture could not be loaded. Is there a network? Nothing is lost.");
      show("trial");
    }
  }
}

// -- answers: kept after each trial, so that a closed page loses nothing

const place = () => `metamers/${list.experiment}/${list.participant}`;

function remembered() {
  try {
    const rows = JSON.parse(localStorage.getItem(place()) ?? "[]");
    const fits = Array.isArray(rows) && rows.length <= list.trials.length
      && rows.every((row, i) => row.file === list.trials[i].file);
    return fits ? rows : [];
  } catch {
    return [];
  }
}

function remember() {
  try {
    localStorage.setItem(place(), JSON.stringify(answers));
    kept = true;
  } catch {
    kept = false;
  }
}

function asCsv() {
  const cell = (value) => {
    const text = String(value ?? "");
    return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [page.table, ...answers.map((row) => page.table.map((name) => row[name]))];
  return lines.map((line) => line.map(cell).join(",") + "\n").join("");
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asCsv()], { type: "text/csv" }));
  link.download = `answers-${list.experiment}-${String(list.participant).padStart(3, "0")}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function send(state) {
  if (!page.submit_url) return;
  $("end-send").hidden = true;
  $("end-sent").textContent = "Sending the answers…";
  const body = JSON.stringify({
    experiment: list.experiment, participant: list.participant, state, rows: answers,
  });
  try {
    const response = await fetch(page.submit_url, {
      method: "POST", headers: { "Content-Type": "application/json" }, body,
      signal: AbortSignal.timeout(SENDING_MS),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    $("end-sent").textContent = "The answers have been sent.";
  } catch {
    $("end-sent").textContent =
      "The answers could not be sent. They are kept here: try again, or download and send them.";
    $("end-send").hidden = false;
  }
}

// -- one trial

function prepareCanvas() {
  const canvas = $("picture");
  [canvas.width, canvas.height] = page.shown_px;
  return canvas.getContext("2d");
}

function clear(context) {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
}

function draw(context, bitmap) {
  clear(context);
  // small stimuli are enlarged by a whole number of pixels, never smoothed
  const { width, height } = context.canvas;
  context.imageSmoothingEnabled = bitmap.width > width;
  context.canvas.classList.toggle("fine", bitmap.width >= width);
  context.drawImage(bitmap, 0, 0, width, height);
}

function drawFixation(context) {
  clear(context);
  const x = Math.round(context.canvas.width / 2);
  const y = Math.round(context.canvas.height / 2);
  context.fillStyle = INK;
  context.fillRect(x - FIXATION_PX, y - 1, 2 * FIXATION_PX, 3);
  context.fillRect(x - 1, y - FIXATION_PX, 3, 2 * FIXATION_PX);
}

/* Shows each step for its time, switching at the frame nearest to it; returns what was measured
   by the time stamps of frames, and the time of the last frame. */
async function present(steps) {
  const measured = {};
  let now = await frame();
  const intervals = [];
  for (const [name, drawing, ms] of steps) {
    drawing();
    const onset = now;
    do {
      const next = await frame();
      intervals.push(next - now);
      now = next;
    } while (now - onset < ms - frameMs / 2);
    measured[`${name}_ms`] = round(now - onset);
  }
  frameMs = intervals.sort((a, b) => a - b)[Math.floor(intervals.length / 2)];
  measured.frame_ms = round(frameMs, 2);
  return measured;
}

function round(value, digits = 1) {
  return Number(value.toFixed(digits));
}

function makeButtons() {
  const box = $("answers");
  box.style.setProperty("--columns", page.columns);
  box.classList.toggle("iconed", page.icons.length > 0);
  box.replaceChildren(...page.classes.map((name, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.answer = i;
    if (page.icons.length) {
      const icon = document.createElement("img");
      icon.src = `stimuli/${page.icons[i]}`;
      icon.alt = "";
      icon.draggable = false;
      button.append(icon);
    }
    button.append(name);        // a text node: names are never read as HTML
    return button;
  }));
}

async function choice() {
  const box = $("answers");
  $("screen").hidden = true;
  box.hidden = false;
  const onset = await frame();
  return new Promise((done) => {
    const listen = (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      box.removeEventListener("click", listen);
      const area = box.getBoundingClientRect();
      done({
        answer: Number(button.dataset.answer),
        rt_ms: round(event.timeStamp - onset),
        click_x: round((event.clientX - area.left) / area.width, 4),
        click_y: round((event.clientY - area.top) / area.height, 4),
      });
    };
    box.addEventListener("click", listen);
  });
}

async function oneTrial(trial, number, context) {
  $("answers").hidden = true;
  $("screen").hidden = false;
  $("feedback").textContent = "";
  clear(context);
  $("prompt").textContent = "Loading…";
  show("trial");
  const [image, mask] = await picturesOf(trial);
  $("prompt").textContent = "Press the space bar";
  await spaceBar();
  $("prompt").textContent = "";
  document.body.classList.add("watching");
  const hiddenBefore = timesHidden;
  const started = new Date().toISOString();
  const ms = page.timing_ms[trial.timing];
  const measured = await present([
    ["blank", () => clear(context), ms.blank],
    ["fixation", () => drawFixation(context), ms.fixation],
    ["image", () => draw(context, image), ms.image],
    ["mask", () => draw(context, mask), ms.mask],
  ]);
  clear(context);
  const hidden = Number(timesHidden > hiddenBefore);
  document.body.classList.remove("watching");
  const { answer, ...click } = await choice();
  const correct = Number(answer === trial.answer);
  answers.push({
    ...trial.row, trial: number + 1, response: page.classes[answer], correct,
    ...click, ...measured, hidden, file: trial.file, mask_file: trial.mask, started,
  });
  remember();
  if (trial.feedback) {
    const truth = page.classes[trial.answer];
    $("feedback").textContent = correct ? `Right: ${truth}` : `Not right. It was: ${truth}`;
    await pause(FEEDBACK_MS);
  }
}

// -- the whole

const PARTS = { practice: "practice", demo: "demo", main: "main", catch: "main" };

function count(part) {
  return list.trials.filter((trial) => PARTS[trial.row.phase] === part).length;
}

async function between(title, text) {
  $("part-title").textContent = title;
  $("part-text").textContent = text;
  show("part");
  await clicked("part-go");
}

async function introduce(part) {
  const n = count(part);
  if (part === "practice") {
    await between("Practice", `First ${n} pictures for practice, the first ones a little slower. `
      + "After each you are told whether you were right.");
  } else if (part === "demo") {
    await between("Second practice", `Now ${n} pictures without being told.`
      + (list.demo_pass === null ? ""
        : ` At least ${list.demo_pass} must be right to go on to the main part.`));
  } else {
    const catches = page.icons.length
      ? "A symbol of the answers may appear by itself: then click on that symbol."
      : "A word may appear instead of a picture: then click on that word.";
    await between("Main part", `Now ${n} pictures. Many are hard to recognise: always choose, `
      + `and guess where you do not know. ${catches}`);
  }
}

function failedDemo() {
  const demo = answers.filter((row) => row.phase === "demo");
  const right = demo.filter((row) => row.correct).length;
  return list.demo_pass !== null && demo.length === count("demo") && right < list.demo_pass;
}

async function allTrials() {
  const context = prepareCanvas();
  makeButtons();
  const total = list.trials.length;
  for (let i = answers.length; i < total; i += 1) {
    if (failedDemo()) return;
    loadAhead(i);
    const trial = list.trials[i];
    const part = PARTS[trial.row.phase];
    if (i === 0 || PARTS[list.trials[i - 1].row.phase] !== part) await introduce(part);
    if (list.pauses.includes(i)) {
      const done = Math.round(100 * (list.pauses.indexOf(i) + 1) / (list.pauses.length + 1));
      await between("A pause", `${done} % of the main part are done. Rest as long as you like.`);
    }
    $("trial-count").textContent = `${i + 1} of ${total}`;
    await oneTrial(trial, i, context);
  }
}

async function end() {
  const failed = failedDemo();
  const state = failed ? "stopped after the demo" : "finished";
  $("end-title").textContent = "Thank you!";
  $("end-text").textContent = (failed
    ? "The experiment ends here: too few pictures of the second practice were recognised. "
    : "That was all. ")
    + (page.submit_url ? "" : "Your answers are saved as a file in your downloads. Please send it "
      + "to the experimenter.");
  $("end-download").addEventListener("click", download);
  $("end-send").addEventListener("click", () => send(state));
  show("end");
  if (page.submit_url) await send(state); else download();
}

async function participantNumber(parameters) {
  const valid = (text) => /^[0-9]{1,9}$/.test(text) && Number(text) >= 1
    && Number(text) <= page.participants;
  const given = parameters.get("participant");
  if (given !== null && valid(given.trim())) return Number(given);
  const advice = `A participant number is a whole number from 1 to ${page.participants}.`;
  $("who-problem").textContent = given === null ? "" : advice;
  $("who-number").max = page.participants;
  show("who");
  return new Promise((done) => {
    $("who-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = $("who-number").value.trim();
      if (valid(text)) done(Number(text));
      else $("who-problem").textContent = advice;
    });
  });
}

async function welcome() {
  const n = list.trials.length;
  $("welcome-length").textContent =
    `There are ${n} pictures, about ${Math.ceil(n * 4 / 60)} minutes, with pauses.`;
  remember();
  $("welcome-again").hidden = answers.length === 0;
  $("welcome-unkept").hidden = kept;
  show("welcome");
  await clicked("welcome-go");
}

async function experiment() {
  const parameters = new URLSearchParams(location.search);
  page = (await (await fetched("experiment.json")).json()).page;
  const number = await participantNumber(parameters);
  show("loading");
  list = await (await fetched(`participants/${String(number).padStart(3, "0")}.json`)).json();
  answers = parameters.has("restart") ? [] : remembered();
  if (answers.length < list.trials.length && !failedDemo()) {
    loadAhead(answers.length);
    await welcome();
    await allTrials();
  }
  await end();
}

async function run() {
  if (location.protocol === "file:") {
    await problem("A page opened as a file cannot read its pictures. Serve the folder instead: "
      + "python -m http.server --directory FOLDER 8000, then http://localhost:8000/");
  }
  try {
    await experiment();
  } catch (error) {
    console.error(error);
    await problem(`The experiment could not be loaded (${error.message}). Answers given so far `
      + "are kept.");
    location.reload();
  }
}

run();
