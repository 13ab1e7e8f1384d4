"""The wordings of services: what tells a refusal, an empty account, a wrong key and a limit from the rest.

A code is read as the words that it is made of, in lower case. Every repetition is bounded.
"""

from __future__ import annotations

import re


def _any(*wordings: str) -> re.Pattern[str]:
    return re.compile("|".join(wordings))


# A refusal by its code: what it is about, unless it says that the filter itself failed.
CODE_REFUSES = _any(
    r"content (policy|filter|moderat|violat|restrict|block|prohibit|reject|flag|censor|unsafe|not allow)",
    r"content safety (violat|block|reject|fail)|safety (violat|block|reject|filter|check fail)",
    r"(image|prompt|input|output|failed|child) safety|^safety$",
    r"moderat(ion|ed)|(policy|policies|guidelines?) violat|violat\w* (\w+ )?(polic|guideline)",
    r"nsfw|^prohibited|prohibited content|recitation|unsafe|sensitive|harmful|jailbreak|guardrail",
    r"data inspection|risk detection|blocklist|responsible ai|inappropriate|censor|copyright|trademark"
    r"|likeness",
    r"prompt (is |was )?(block|reject|filter|refus|flag|violat|not allow)|refus(al|ed)|invalid prompts",
    r"explicit content|(acceptable|usage) (use|policy)|sexual content|celebrit|public figure"
    r"|prominent people",
    r"illegal (prompt|image|text|content|input)|(prompt|image|text|content|submit) illegal|^intervened$"
    r"|^spii$",
    r"filter (failed|blocked|rejected|triggered)|third party content",
)
REFUSING_CODES = {"1301", "e005"}  # of Zhipu and Replicate
CODE_FAILS = _any(
    r"unavailable|time ?out|service|internal|disabled|enabled|unsupported|unknown|missing|not found"
    r"|parameter",
    r"option|checker|case sensitive|security polic|cors|connection|invalid (?!prompts)|required|config|load",
)

# A refusal in a sentence: a filter and its verdict, or a phrase that is one by itself.
FILTER = _any(
    r"content (policy|policies|filter\w*|moderation|management|safety|check\w*|guideline|restriction"
    r"|violation)",
    r"(safety|moderation|usage|community|acceptable use|responsible ai|platform|trust) "
    r"(system|filter|check|polic|guideline|rule|standard|setting|measure|review|violation|reason|concern)",
    r"nsfw|moderation|guardrail|safeguard|content risk|risk (control|check|not pass)|\bour filter|"
    r"copyright restriction|safety (requirement|input)|terms of (service|use)|blocklist|banned words?"
    r"|blocked words?",
    r"\b(our|its|their|the) (polic(y|ies)|guidelines|terms|rules|standards)\b|generative ai prohibited use",
    r"(public|prominent|political) (figure|people|person)|real (person|people)|celebrit|likeness"
    r"|third party content",
)
VERDICT = _any(
    r"reject|refus|block(?!list)|flagg|violat|filtered|moderated|detected|trigger|\bagainst\b|not allow"
    r"|disallow",
    r"prohibit(?!ed use)|\bden(y|ied)|withheld|(not|n't) (pass|comply|meet|allow|permit)|\bcontain|breach"
    r"|censor",
    r"removed|declined|infring|prevented|intercepted|failed (the|our|a|its|content|safety|moderation"
    r"|to pass)",
    r"did not pass|non compliant|stopped by",
)
_BAD = (
    r"(sensitive|inappropriate|explicit|harmful|unsafe|sexual\w*|nudity|violent|offensive|prohibited"
    r"|disallowed"
    r"|illegal|copyrighted|obscene|nsfw|banned|forbidden|profan\w*|vulgar|objectionable|adult|hateful"
    r"|unlawful|improper|risky)"
)
_THING = r"(prompt|input|output|image|picture|photo|content|text|message|generation|result|description)s?"
REFUSES = _any(
    rf"(contain|detect|includ|flagg|found|may be|depict|generat|reject|block|because of)\w*\b[^:]{{0,40}}\b"
    rf"(?<!case ){_BAD} (or \w{{1,20}} )?(\w{{1,20}} )?"
    r"(content|information|material|words?|text|images?|language|terms?|subjects?|imagery|elements?"
    r"|concepts?)\b",
    rf"(?<!case ){_BAD} (or \w{{1,20}} )?(content|information|words?|material|text|images?|language"
    rf"|prompts?)\b"
    r".{0,40}\b(detected|found|reject|block|not allow|prohibit|flagg|identified)",
    rf"\b{_THING}\b.{{0,50}}\b(flagged|moderated|censored)\b(?! (off|on)\b| as (a )?(duplicate|spam|bot))",
    rf"^{_BAD} (prompt|content|input|request|image|text)$",
    rf"\bflagged (\w{{1,20}} ){{0,3}}{_THING}\b|\bnew sensitive\b",
    rf"\b{_THING}\b (\w{{1,20}} ){{0,3}}(is|was|are|were|may be|seems|appears"
    rf"|looks) (\w{{1,20}} )?(?<!case ){_BAD}\b",
    rf"flagged (as|for|by|due to) (\w{{1,20}} ){{0,3}}({_BAD}|nsfw|moderation|safety|content|filter)",
    r"violat\w*\b(?:(?!size|retry|cors|rate|format|schema|network|unique).){0,60}"
    r"\b(polic(y|ies)|guidelines?|terms|rules|standards|laws?)\b",
    r"(?<!security )(?<!retry )(?<!cors )(policy|guidelines?) violation",
    r"\b(the|your|this|that|image|text)? ?prompts?\b.{0,30}\b(blocked|rejected|refused|filtered|declined"
    r"|disallowed|not allowed|not permitted|unsafe|prohibited)\b",
    rf"\b{_THING} (was |were |is |has been |have been )?(blocked(?! on| by (cors|robots|network))"
    rf"|withheld|filtered"
    r"|moderated|censored)\b",
    r"\b(moderation|safety) (check )?failed\b|\be005\b|content ?policy ?violation|output sensitive"
    r"|content illegal"
    r"|invalid prompts? detected|\b(request|content|prompt|image|output|result) moderated\b",
    r"may (violate|infringe|contain (real|sensitive))|blocked (for|due to|because of|on) (safety|content"
    r"|polic)",
    r"(?<![\w/.])i('m| am)?(?![\w/.']).{0,50}\b(can't|cannot|can not|unable to|not able to|won't"
    r"|will not)\b.{0,20}"
    r"\b(help|assist|creat|generat|produc|mak|draw|fulfil|comply|provide|depict|do that|fulfill)",
    r"敏感|违规|违禁|违法|不合规|涉黄|色情|(审核|审查)(未|不|没|没有|不予)通过|(未|没有"
    r"|不)通过.{0,6}(审核|审查|检测)",
    r"不当内容|不安全|安全(策略|政策|规则|限制)|内容(政策|策略|风险)|风控|ポリシー違反|不適切|부적절"
    r"|콘텐츠 정책",
    r"inhalt\w* .{0,20}(abgelehnt|blockiert)|contenu .{0,20}(interdit|inapproprié)"
    r"|contenido .{0,20}inapropiado",
)
DENIES = re.compile(
    r"\b(no|not|without|never|nor|0)( \w{1,20})? (nsfw|flagged|violat|moderated|sensitive|inappropriate"
    r"|unsafe"
    r"|blocked|rejected)|n't (flagged|violat|blocked|rejected)"
)
FAILS = _any(
    r"(could not|couldn't|cannot|can't|failed to|unable to|error while|while) "
    r"(load|import|find|connect|reach|initiali|download|run|start|call|contact|parse|decode|fetch|check)",
    r"unavailable(?! for legal)|timed? ?out|not (a )?(valid|supported|recogni)|unsupported|unexpected|crash",
    r"(unknown|missing|extra|unrecogni[sz]ed|deprecated|invalid) (\w{1,30} )?(parameter|argument|field|option"
    r"|key|header|setting|property)",
    r"\btoo (large|long|short|small|big|many)|internal (server )?error|\bcors\b|retry polic|no module"
    r"|not installed"
    r"|allowed to be (empty|blank|null)|(maximum|minimum) length|illegal \w{1,20} value"
    r"|blocked by (\w{1,20} ){0,2}(firewall|waf|cloudflare)"
    r"|file size|(is|are) disabled|not configured|must be (one of|a |an |between|less|greater)",
    r"(审核|检测)(服务)?.{0,4}(不可用|超时|异常|失败)",
)
HINTS = re.compile(
    rf"(moderat|safety|nsfw|sensitiv|inappropriat|prohibit|unsafe|violat|disallow|content polic|reject|refus"
    rf"|declin|can('t| ?not) be (processed|generated|shown|used|created|fulfilled)|offens"
    rf"|abus).{{0,80}}\b{_THING}\b"
    rf"|\b{_THING}\b.{{0,80}}(moderat|safety|nsfw|sensitiv|inappropriat|prohibit|unsafe|violat|disallow"
    rf"|content"
    rf" polic|reject|refus|declin|not allowed|can('t| ?not) be (processed|generated|shown|used|created"
    rf"|fulfilled)|offens|abus)"
    r"|审核|安全|拒绝"
)
ABOUT_FORM = re.compile(r"\b(format|size|dimensions?|aspect|resolution|seed|steps|file)\b")

_CREDIT = r"(credits?|balances?|funds?|points|额度|余额)"
NO_CREDIT = _any(
    rf"insufficient (\w{{1,20}} ){{0,2}}(quota|{_CREDIT})|\b{_CREDIT}\b( \w{{1,20}}){{0,3}} "
    r"(exhausted|insufficient|depleted|too low|used up|expired|negative|run out|ran out|empty|not enough)\b",
    rf"(not|n't|\bno\b|without) ((have|enough|sufficient|any|a|the|remaining|more) ){{1,3}}(\w{{1,20}} )?"
    rf"({_CREDIT}|tokens)\b(?! (than|information))|\btop up\b",
    r"\b(exhausted|used( up)? all|use(d)? up|run out of|ran out of|out of|no|not enough|lacks?|purchase"
    r"|buy|add|doesn't have any|don't have( any| enough)?|does not have( any| enough)?|exceeded|top up)"
    r"( \w{1,20}){0,4} (credits?|balance|funds)\b",
    r"(spend\w*|billing( hard)?|budget|credit|expenditure) (limit|cap|quota)\b"
    r"|(?<!time )(?<!memory )(?<!token )\bbudget (has been )?exceeded\b|^exceededbudget\b"
    r"|billing (account )?(is )?(not active|inactive|disabled|error)",
    r"(requires?|enable) billing|billing to be enabled",
    r"payment (method )?(is )?required|payment overdue|arrear|overdue|top up your|\brecharge\b"
    r"|exhausted balance",
    r"欠费|余额不足|额度(已)?(不足|用尽|耗尽|用完)|充值|^1113$|prepaid|free (trial|tier) (has )?(ended"
    r"|expired)",
)
QUOTA = _any(
    r"(exceed\w*|exhausted|reached|used up) (\w{1,20} ){0,4}(quota|allocation|allowance|free tier"
    r"|usage limit)"
    r"|free tier (\w{1,20} ){0,6}exhausted|check your plan|(key|account|total|usage|plan"
    r"|subscription) limit (\w{1,20} ){0,2}(exceeded|reached)",
    r"quota (\w{1,20} ){0,3}(exceeded|exhausted|reached|used up|insufficient)|配额(已)?(不足|用尽|耗尽|超)",
)
RATE_LIMIT = _any(
    r"rate limit(ed| exceeded| reached| error|$)|too many requests|throttl|rate quota"
    r"|requests limit exceeded",
    r"concurren\w* (limit|requests)|请求(频率|过于频繁|过多)|速率限制|并发",
)
THROTTLED = _any(
    r"rate limit|throttl(?!ing error$)|rate quota|too many requests|concurren"
    r"|per (min|sec|hour|day)|\b[rti]pm\b",
    r"quota exceeded for (quota )?metric|googleapis|quota increase|increase your quota|速率|频率|并发"
    r"|过于频繁",
)
_KEY = r"(api|access|auth\w{0,10}|secret|bearer|subscription) ?(keys?|tokens?|credentials?)"
BAD_KEY = _any(
    rf"\b(invalid|incorrect|wrong|expired|missing|revoked|unknown|malformed|disabled|no|not a valid)"
    rf"( \w{{1,20}}){{0,2}} {_KEY}\b",
    rf"\b{_KEY}( \w{{1,20}}){{0,4}} ?(not valid|invalid|incorrect|expired|missing|revoked|wrong|not found"
    rf"|disabled"
    r"|does not exist|deactivated|is required|无效|错误|已停用)",
    r"invalid ?api ?key|^unauthenticated|^authentication (error|failed|failure)|^unauthorized$",
    r"^auth\w{0,12} (failure|failed|error)|\bcredentials? (\w{1,20} ){0,4}(invalid|incorrect|wrong"
    r"|validated)",
    r"(invalid|missing|malformed|no) (\w{1,20} ){0,3}authorization\b|^invalid (authentication"
    r"|credentials)|^account deactivated|^no (db connection|connected db)$"
    r"|鉴权失败|密钥(无效|错误|不正确)|令牌(无效|过期)",
)
NO_MODEL = re.compile(
    r"model (name )?(is |was )?(not (found|exist)|does not exist)|(invalid|unknown|no such) model"
    r"|unknown model"
)
NO_MODEL_IN_WORDS = re.compile(r"\binvalid model name\b|\bmodel mismatch\b")
OVERLOAD = re.compile(
    r"overload|capacity|queue is full|server (is )?busy|high (load|demand)|no (free|available) workers?"
)
BEGUN = re.compile(
    r"time ?out|timed out|reset|terminat|disconnect|\bclosed\b|interrupt|aborted"
    r"|\b(lost|died|killed)\b|crash"
)
WRONG_PARAMETER = re.compile(
    r"(invalid|unknown|missing|unsupported|extra|bad)( required)? (value|parameter|argument|type|field"
    r"|option|size)"
    r"|extra forbidden|\w+ type$|\w+ parsing$|(greater|less) than"
)


def is_refusing_code(code: str) -> bool:
    """Whether a code stands for a refusal, and not for a filter that failed."""
    return code in REFUSING_CODES or bool(CODE_REFUSES.search(code) and not CODE_FAILS.search(code))


def is_refusal(sentence: str) -> bool:
    """Whether a sentence says that a prompt or a picture was refused."""
    if FAILS.search(sentence) or DENIES.search(sentence):
        return False
    if len(sentence) < 40 and FILTER.fullmatch(sentence):
        return True
    return bool((FILTER.search(sentence) and VERDICT.search(sentence)) or REFUSES.search(sentence))


def may_be_refusal(text: str) -> bool:
    """Whether a code or a sentence may be about a refusal."""
    return bool(HINTS.search(text)) and not (FAILS.search(text) or ABOUT_FORM.search(text))
