// Kinds of files as people name them: a word for the filter, a short sign for a row.

const OFFICE = "application/vnd.openxmlformats-officedocument";
const OPEN = "application/vnd.oasis.opendocument";

/** Kind -> its media types, each with the sign that stands for it. */
const TYPES = {
  pdf: { "application/pdf": "PDF" },
  word: {
    [`${OFFICE}.wordprocessingml.document`]: "DOCX",
    "application/msword": "DOC",
    [`${OPEN}.text`]: "ODT",
    "application/rtf": "RTF",
  },
  sheet: {
    [`${OFFICE}.spreadsheetml.sheet`]: "XLSX",
    "application/vnd.ms-excel": "XLS",
    [`${OPEN}.spreadsheet`]: "ODS",
    "text/csv": "CSV",
  },
  slides: {
    [`${OFFICE}.presentationml.presentation`]: "PPTX",
    "application/vnd.ms-powerpoint": "PPT",
    [`${OPEN}.presentation`]: "ODP",
  },
  text: { "text/plain": "TXT", "text/markdown": "MD" },
  web: { "text/html": "HTML" },
  mail: { "message/rfc822": "MAIL", "application/vnd.ms-outlook": "MAIL" },
  book: { "application/epub+zip": "EPUB" },
  picture: {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/tiff": "TIFF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/gif": "GIF",
  },
  archive: { "application/zip": "ZIP" },
};
const KIND_OF = new Map();
for (const [kind, types] of Object.entries(TYPES)) {
  for (const [type, sign] of Object.entries(types)) KIND_OF.set(type, { kind, sign });
}

export const KINDS = Object.keys(TYPES);

/** The media types of a kind, as the service's filters take them. */
export const mediaTypesOf = (kind) => Object.keys(TYPES[kind] ?? {});

/** {kind, sign} of a media type; what is not known is a text. */
export const kindOf = (mediaType) => KIND_OF.get(mediaType) ?? { kind: "text", sign: "TXT" };
