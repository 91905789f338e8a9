import "./vendor/preact.js";
