"""The words of the report in English and Chinese. What has no Chinese word here is said in English. Pure."""

from __future__ import annotations

from typing import Final, Literal

from replay.render import title

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("Records of the bank", "银行记录"),
    "order": ("What this is", "说明"),
    "recipient": ("recipient", "接收方"), "purpose": ("purpose", "用途"), "legal_basis": ("legal basis", "法律依据"),
    "order_number": ("order or notice", "文书编号"), "permitted_purpose": ("permitted purpose", "允许用途"),
    "actor": ("exported by", "导出人"), "scope": ("scope", "范围"), "since": ("from", "起"), "until": ("until", "止"),
    "zone": ("time zone", "时区"), "checkpoint": ("checkpoint of the log", "日志检查点"),
    "proof": (
        "This report is a rendering of the events in the same bundle. They are what is proved: run verify.py, or follow README.txt. When it was made stands in manifest.json.",
        "本报告由同一文件包中的事件生成。可供验证的是这些事件：请运行 verify.py，或按 README.txt 操作。生成时间见 manifest.json。",
    ),
    "figures": ("In figures", "概览"), "events": ("events", "事件"), "customers": ("customers", "客户"),
    "accounts": ("accounts", "账户"), "transactions": ("transactions", "交易"), "documents": ("documents", "文件"),
    "disposed": ("disposed of", "已销毁"), "outside": ("outside, as a hash only", "范围外（仅哈希）"),
    "per_month": ("Events recorded per {unit}", "每{unit}记录的事件"), "month": ("month", "月"), "year": ("year", "年"),
    "money": ("{currency}: received and paid per {unit}", "{currency}：每{unit}收付金额"),
    "received": ("received", "收入"), "paid": ("paid", "支出"),
    "timeline": ("Timeline", "时间线"), "recorded": ("recorded", "记录时间"), "what": ("event", "事件"),
    "of": ("of", "所属"), "by": ("by", "经办"), "content": ("content", "内容"),
    "customer": ("Customer", "客户"), "account": ("account", "账户"), "holders": ("holders", "持有人"),
    "currency": ("currency", "币种"), "opened_on": ("opened", "开户日期"), "closed_on": ("closed", "销户日期"),
    "product": ("product", "产品"), "booked": ("booked", "记账时间"), "reference": ("reference", "交易流水号"),
    "direction": ("direction", "收付"), "amount": ("amount", "金额"), "counterparty": ("counterparty", "对方"),
    "credit": ("received", "收"), "debit": ("paid", "付"),
    "shortened": ("the newest {kept} of {all} are shown; all of them are in events/ and tables/",
                  "共 {all} 条，仅显示最新 {kept} 条；全部内容见 events/ 与 tables/"),
    "page": ("page", "页"),
    # fields of a customer
    "type": ("type", "类型"), "names": ("name", "名称"), "addresses": ("address", "地址"), "phones": ("telephone", "电话"),
    "email": ("e-mail", "电子邮箱"), "birth_date": ("date of birth", "出生日期"), "gender": ("gender", "性别"),
    "nationalities": ("nationality", "国籍"), "occupation": ("occupation", "职业"), "employer": ("employer", "工作单位"),
    "registration_number": ("registration number", "登记号码"), "business_scope": ("business scope", "经营范围"),
    "industry_code": ("industry", "行业"), "registered_capital": ("registered capital", "注册资本"),
    "risk": ("risk rating", "风险等级"), "verified": ("identity verified", "身份核验"),
    "relationship_from": ("relationship from", "业务关系起"), "relationship_to": ("relationship until", "业务关系止"),
    "documents.kind": ("kind", "种类"), "documents.number": ("number", "号码"), "expires": ("expires", "到期"),
    "no_expiry": ("does not expire", "长期"), "document": ("document", "证件"),
}  # fmt: skip

_TOPICS: Final = {
    "customer.registered": "客户登记", "customer.name_changed": "名称变更", "customer.address_changed": "地址变更",
    "customer.contact_changed": "联系方式变更", "customer.attribute_changed": "信息变更",
    "customer.attribute_corrected": "信息更正", "customer.account_linked": "账户关联",
    "customer.account_unlinked": "账户解除关联", "customer.relationship_established": "建立业务关系",
    "customer.relationship_ended": "终止业务关系", "customer.relationship_reopened": "恢复业务关系",
    "customer.party_added": "关联人登记", "customer.party_ended": "关联人终止", "customer.deceased": "客户死亡",
    "customer.merged": "客户合并", "customer.branch_transferred": "客户转网点",
    "document.captured": "证件采集", "document.verified": "证件核验", "document.verification_failed": "核验未成",
    "document.expired": "证件到期", "document.superseded": "证件更换", "document.invalidated": "证件作废",
    "document.service_suspended": "中止业务", "document.service_resumed": "恢复业务",
    "cdd.started": "尽职调查开始", "cdd.identity_verified": "身份核实", "cdd.risk_rated": "风险评级",
    "cdd.review_scheduled": "安排复核", "cdd.review_completed": "复核完成", "cdd.screening_performed": "名单筛查",
    "cdd.pep_determined": "政要认定", "cdd.source_of_funds_recorded": "资金来源登记",
    "cdd.beneficial_owner_identified": "受益所有人识别", "cdd.beneficial_owner_changed": "受益所有人变更",
    "cdd.beneficial_owner_ended": "受益所有人终止", "cdd.discrepancy_raised": "信息不符",
    "cdd.discrepancy_resolved": "信息不符已解决", "privacy.consent_given": "同意", "privacy.consent_withdrawn": "撤回同意",
    "privacy.notice_presented": "告知",
    "account.opened": "开户", "account.closed": "销户", "account.reopened": "重新开户", "account.holder_added": "增加持有人",
    "account.holder_removed": "减少持有人", "account.frozen": "冻结", "account.freeze_queued": "轮候冻结",
    "account.freeze_renewed": "续冻", "account.freeze_released": "解冻", "account.freeze_lapsed": "冻结到期",
    "account.funds_deducted": "扣划", "account.suspended": "限制使用", "account.resumed": "恢复使用",
    "account.dormant": "睡眠户", "account.agent_authorised": "授权代理", "account.agent_revoked": "撤销代理",
    "account.standing_order_registered": "定期支付登记",
    "transaction.instructed": "交易指令", "transaction.authorised": "交易授权", "transaction.booked": "交易记账",
    "transaction.rejected": "交易拒绝", "transaction.reversed": "冲正", "transaction.corrected": "交易更正",
    "transaction.counterparty_completed": "补充对方信息", "transaction.detailed": "支付明细", "transaction.document_attached": "附件",
    "large_value.detected": "大额交易", "alert.raised": "预警", "alert.dismissed": "预警排除", "alert.escalated": "预警升级",
    "case.opened": "立案", "case.customer_added": "增加涉案客户", "case.note_added": "案件记录",
    "case.str_confirmed": "确认可疑", "case.closed": "结案", "report.filed": "报送", "report.acknowledged": "回执",
    "order.received": "收到文书", "order.accepted": "受理", "order.rejected": "拒绝", "order.data_disclosed": "提供数据",
    "order.fulfilled": "办结", "service.one_off_completed": "一次性业务", "service.attempt_recorded": "未成交业务",
}  # fmt: skip


def word(key: str, language: Language, **values: object) -> str:
    """A word; what is not listed is itself, in words."""
    pair = _WORDS.get(key)
    text = key.replace("_", " ") if pair is None else pair[LANGUAGES.index(language)]
    return text.format(**values) if values else text


def topic(name: str, language: Language) -> str:
    """What an event is called."""
    return _TOPICS.get(name, title(name)) if language == "zh" else title(name)
