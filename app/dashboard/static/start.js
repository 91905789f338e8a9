// Set the colour scheme and the direction before the first paint. A classic script, so that it blocks.
try {
  const { scheme, language } = { ...localStorage };
  if (scheme) document.documentElement.dataset.theme = scheme;
  if (language) {
    document.documentElement.lang = language;
    document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
  }
} catch {
  // Storage may be denied: the page then follows the system.
}
