// Words of the search: name -> [English, 中文].

export const words = {
  "search.words": ["Words in all documents", "在所有文档中查找"],
  "search.filters": ["Where to look", "查找范围"],
  "search.collection": ["Collection", "文档集"],
  "search.collection.all": ["All collections", "全部文档集"],
  "search.kind": ["Kind of file", "文件类型"],
  "search.kind.all": ["All kinds", "所有类型"],
  "search.after": ["from", "从"],
  "search.before": ["to", "到"],
  "search.clear": ["Look everywhere", "取消筛选"],
  "search.document": ["In a document …", "限定文档…"],
  "search.document.none": ["No document is called so", "没有此名称的文档"],
  "search.document.only": ["Look in this document only", "只在此文档中查找"],
  "search.document.all": ["Look in all documents again", "重新在所有文档中查找"],
  "search.gone": ["a document that is gone", "已删除的文档"],
  "search.begin": ["Find words in your documents", "在文档中查找词语"],
  "search.begin.hint": [
    "What you type is looked for at once, in all that was read in; a hit opens the document at its place.",
    "输入时立即在所有已读取的文档中查找；点击结果会在相应位置打开文档。",
  ],
  "search.none": ["Nothing found for “{words}”", "没有找到“{words}”"],
  "search.none.hint": ["Try fewer or other words.", "请尝试更少或其他词语。"],
  "search.none.narrowed": ["Try other words, or look in more documents.", "请尝试其他词语，或扩大查找范围。"],
  "search.count": [
    "{count} passage in {documents} | {count} passages in {documents}",
    "{documents}中的 {count} 段",
  ],
  "search.more": [
    "{count} more passage in this document | {count} more passages in this document",
    "此文档中还有 {count} 段",
  ],
  "search.degraded": [
    "Not everything can be searched at the moment ({lost}): there may be more than is shown.",
    "目前无法完整查找（{lost}），实际结果可能更多。",
  ],
  "search.lost.vectors": ["search by meaning", "语义查找"],
  "search.lost.embedder": ["search by meaning", "语义查找"],
  "search.lost.keywords": ["search by words", "词语查找"],
  "search.lost.ledger": ["search by words", "词语查找"],
};
