// Words of the frame and of what all views share: name -> [English, 中文].

export const words = {
  skip: ["Skip to the content", "跳到正文"],
  "nav.label": ["Main", "主导航"],
  "nav.ask": ["Ask", "提问"],
  "nav.documents": ["Documents", "文档"],
  "nav.system": ["System", "系统"],
  ok: ["OK", "确定"],
  cancel: ["Cancel", "取消"],
  close: ["Close", "关闭"],
  copy: ["Copy", "复制"],
  copied: ["Copied", "已复制"],
  "link.copy": ["Copy the link", "复制链接"],
  trace: ["Trace", "跟踪号"],
  "theme.switch": ["Switch between light and dark", "切换浅色和深色"],
  "time.now": ["just now", "刚刚"],
  "documents.count": ["{count} document | {count} documents", "{count} 个文档"],
  "health.asking": ["Asking …", "正在查询…"],
  "health.ok": ["All well", "一切正常"],
  "health.degraded": ["Degraded", "部分可用"],
  "health.down": ["Down", "不可用"],
  "health.unreachable": ["Not reached", "无法连接"],
  "health.lost": [
    "The service is not reached. What you see stays; this page goes on by itself.",
    "无法连接到服务。页面内容会保留，恢复后自动继续。",
  ],
  "health.back": ["The service is reached again.", "已重新连接到服务。"],
};
