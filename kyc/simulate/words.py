"""Our own small lists of names and words; nothing here is taken from a register of people.

Every list is a tuple, so that choosing by index gives the same result everywhere. Commonness is expressed by
``skewed`` choice (see :mod:`kyc.simulate.chance`): the front of a list is drawn more often than its end.
"""

from __future__ import annotations

from typing import Final

Spelt = tuple[tuple[str, str], ...]
"""Pairs of Chinese characters and their romanisation as a passport writes it."""


def _spelt(text: str) -> Spelt:
    words = text.split()
    return tuple(zip(words[::2], words[1::2], strict=True))


SURNAMES: Final = _spelt("""
    王 Wang 李 Li 张 Zhang 刘 Liu 陈 Chen 杨 Yang 黄 Huang 赵 Zhao 吴 Wu 周 Zhou 徐 Xu 孙 Sun 马 Ma 朱 Zhu 胡 Hu 郭 Guo
    何 He 林 Lin 高 Gao 罗 Luo 郑 Zheng 梁 Liang 谢 Xie 宋 Song 唐 Tang 许 Xu 韩 Han 邓 Deng 冯 Feng 曹 Cao 彭 Peng
    曾 Zeng 肖 Xiao 田 Tian 董 Dong 潘 Pan 袁 Yuan 蔡 Cai 蒋 Jiang 余 Yu 于 Yu 杜 Du 叶 Ye 程 Cheng 魏 Wei 苏 Su 吕 Lyu
    丁 Ding 任 Ren 卢 Lu 姚 Yao 沈 Shen 钟 Zhong 姜 Jiang 崔 Cui 谭 Tan 陆 Lu 范 Fan 汪 Wang 廖 Liao 石 Shi 金 Jin
    韦 Wei 贾 Jia 夏 Xia 付 Fu 方 Fang 邹 Zou 熊 Xiong 白 Bai 孟 Meng 秦 Qin 邱 Qiu 侯 Hou 江 Jiang 尹 Yin 薛 Xue
    闫 Yan 段 Duan 雷 Lei 龙 Long 黎 Li 史 Shi 陶 Tao 贺 He 毛 Mao 郝 Hao 顾 Gu 龚 Gong 邵 Shao 万 Wan 覃 Qin 武 Wu
    欧阳 Ouyang 上官 Shangguan 司马 Sima 诸葛 Zhuge 尉迟 Yuchi 仉 Zhang 逄 Pang 亓 Qi 禤 Xuan 麴 Qu 爨 Cuan 妫 Gui
""")

GIVEN_MALE: Final = _spelt("""
    伟 Wei 强 Qiang 磊 Lei 军 Jun 勇 Yong 杰 Jie 涛 Tao 超 Chao 明 Ming 刚 Gang 平 Ping 辉 Hui 鹏 Peng 华 Hua 飞 Fei
    鑫 Xin 波 Bo 斌 Bin 宇 Yu 浩 Hao 凯 Kai 健 Jian 俊 Jun 帆 Fan 帅 Shuai 旭 Xu 宁 Ning 龙 Long 林 Lin 东 Dong
    志 Zhi 国 Guo 建 Jian 文 Wen 海 Hai 晓 Xiao 天 Tian 子 Zi 家 Jia 振 Zhen 永 Yong 成 Cheng 立 Li 新 Xin 德 De 庆 Qing
""")
GIVEN_FEMALE: Final = _spelt("""
    芳 Fang 娜 Na 敏 Min 静 Jing 丽 Li 艳 Yan 娟 Juan 霞 Xia 秀 Xiu 燕 Yan 玲 Ling 桂 Gui 英 Ying 红 Hong 洁 Jie 莉 Li
    婷 Ting 雪 Xue 梅 Mei 琳 Lin 慧 Hui 倩 Qian 颖 Ying 丹 Dan 萍 Ping 云 Yun 欣 Xin 怡 Yi 佳 Jia 梦 Meng 思 Si 雨 Yu
    诗 Shi 涵 Han 悦 Yue 晶 Jing 蕾 Lei 岚 Lan 月 Yue 春 Chun 凤 Feng 兰 Lan 淑 Shu 珍 Zhen 玉 Yu 晓 Xiao 文 Wen 嘉 Jia
""")
RARE_GIVEN: Final = _spelt("""
    喆 Zhe 堃 Kun 犇 Ben 淼 Miao 彧 Yu 翀 Chong 珺 Jun 旻 Min 祎 Yi 璟 Jing 龑 Yan 赟 Yun 甡 Shen 昇 Sheng 䶮 Yan 㛃 Jie
    𬭎 Hong 𫖯 Fu 𬱖 Wei 𬬭 Lun 𫓧 Fu
""")
"""Characters that break systems: variants, extension A, and the last ones outside the basic plane."""

MINORITY_GIVEN_MALE: Final = _spelt("""
    艾力 Aili 买买提 Maimaiti 阿不都热合曼 Abudureheman 玉素甫 Yusufu 吐尔逊 Tuerxun 库尔班 Kuerban 依明 Yiming
    热合曼 Reheman 叶尔兰 Yeerlan 哈布力 Habuli 巴合提 Baheti 阿迪力 Adili 木沙 Musha 吉克 Jike 贡布 Gongbu
""")
MINORITY_GIVEN_FEMALE: Final = _spelt("""
    古丽娜尔 Gulinaer 阿依古丽 Ayiguli 帕提古丽 Patiguli 热依汗 Reyihan 米日古丽 Miriguli 努尔古丽 Nuerguli
    玛依拉 Mayila 阿依努尔 Ayinuer 迪丽达尔 Dilidaer 拉姆 Lamu 阿依 Ayi 茹仙 Ruxian 祖丽皮亚 Zulipiya
""")

Foreign = tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]
FOREIGN: Final[tuple[Foreign, ...]] = (
    ("USA", ("JAMES", "ROBERT", "DANIEL"), ("MARY", "LINDA", "SUSAN"), ("SMITH", "JOHNSON", "O'BRIEN", "GARCIA")),
    ("KOR", ("MINJUN", "SEOJUN", "JIHO"), ("SEOYEON", "JIWOO", "HAEUN"), ("KIM", "LEE", "PARK", "CHOI")),
    ("JPN", ("HARUTO", "KENJI", "TAKUMI"), ("YUI", "SAKURA", "HANAKO"), ("SATO", "SUZUKI", "TANAKA", "ITO")),
    ("GBR", ("OLIVER", "GEORGE", "HARRY"), ("EMILY", "SOPHIE", "ANNE-MARIE"), ("TAYLOR", "BROWN", "SMITH-JONES")),
    ("D", ("LUKAS", "JÜRGEN", "STEFAN"), ("ANNA", "SABINE", "KATRIN"), ("MÜLLER", "SCHMIDT", "VON BERG")),
    ("FRA", ("LOUIS", "JEAN-PIERRE", "HUGO"), ("CHLOE", "CAMILLE", "INES"), ("MARTIN", "DUPONT", "LE GALL")),
    ("RUS", ("IVAN", "DMITRII", "SERGEI"), ("ANNA", "OLGA", "ELENA"), ("IVANOV", "SMIRNOV", "POPOV")),
    ("IND", ("ARJUN", "RAHUL", "VIKRAM"), ("PRIYA", "ANANYA", "DIVYA"), ("SHARMA", "PATEL", "REDDY")),
    ("NGA", ("CHIDI", "EMEKA", "TUNDE"), ("NGOZI", "AMAKA", "FUNMI"), ("OKAFOR", "ADEYEMI", "BELLO")),
    ("BRA", ("JOÃO", "PEDRO", "LUCAS"), ("ANA", "BEATRIZ", "LUIZA"), ("DA SILVA", "SANTOS", "OLIVEIRA")),
)
"""Issuing state as ICAO 9303 spells it, male and female given names, surnames; roman letters with their marks."""

STREETS: Final = tuple(
    """
    人民路 解放路 中山路 建设路 和平路 新华路 文化路 胜利路 友谊路 长江路 黄河路 光明路 朝阳路 东风路 青年路 劳动路 花园路 学府路
    滨河路 工业路 迎宾大道 科技大道 世纪大道 环城东路 环城西路 南湖路 北山路 桃园街 红星街 幸福街 团结街 振兴街
""".split()
)
COMMUNITIES: Final = tuple(
    """
    阳光花园 幸福小区 东方家园 锦绣华庭 翠湖苑 金桂苑 绿城雅居 滨江新村 世纪新城 祥和里 书香门第 天鹅湾 紫荆苑 香樟园 明珠公寓 松涛苑
""".split()
)

COMPANY_BRANDS: Final = tuple(
    """
    华鑫 恒达 瑞丰 宏远 金诺 天成 博雅 盛世 嘉禾 鼎盛 远航 中联 海润 星辰 德信 万通 汇智 凯旋 新锐 立信 长青 明德 泰和 兴业 同创 永固
    百川 云帆 启明 安泰 富源 国盛 顺驰 卓越 联创 晨光 融通 聚贤 亿达 龙腾
""".split()
)
COMPANY_TRADES: Final = (
    ("贸易", "F5199", "货物批发、进出口业务"),
    ("科技", "I6513", "软件开发、信息技术服务"),
    ("建筑工程", "E4710", "房屋建筑施工"),
    ("物流", "G5810", "货运代理、仓储服务"),
    ("餐饮管理", "H6210", "餐饮服务"),
    ("电子", "C3990", "电子元器件制造"),
    ("服装", "C1810", "服装制造、销售"),
    ("食品", "C1499", "食品生产、销售"),
    ("医药", "F5150", "药品、医疗器械批发"),
    ("房地产经纪", "K7030", "房地产中介服务"),
    ("文化传媒", "R8710", "广告设计、活动策划"),
    ("珠宝", "F5245", "贵金属、珠宝首饰零售"),
)
"""Trade in the name, industry by GB/T 4754, business scope."""
COMPANY_FORMS: Final = ("有限公司", "有限责任公司", "股份有限公司")
SHOP_TRADES: Final = (
    ("餐馆", "H6210", "正餐服务"),
    ("便利店", "F5213", "日用百货零售"),
    ("服装店", "F5232", "服装零售"),
    ("理发店", "O8040", "理发服务"),
    ("五金店", "F5274", "五金零售"),
    ("水果店", "F5223", "果品零售"),
    ("汽修部", "O8111", "汽车修理"),
)

OCCUPATIONS: Final = (
    ("40100", "批发与零售服务人员"), ("30100", "办事人员"), ("60000", "生产制造及有关人员"), ("20200", "工程技术人员"),
    ("40300", "住宿和餐饮服务人员"), ("40200", "交通运输、仓储和邮政业服务人员"), ("20800", "教学人员"),
    ("62900", "建筑施工人员"), ("20500", "卫生专业技术人员"), ("20600", "经济和金融专业人员"),
    ("40400", "信息传输、软件和信息技术服务人员"), ("50100", "农业生产人员"), ("10000", "单位负责人"),
    ("20900", "文学艺术、体育专业人员"),
)  # fmt: skip
"""GB/T 6565 code and wording of those who work."""
NO_OCCUPATION: Final = ("99999", "无业")
STUDENT: Final = ("80001", "学生")
RETIRED: Final = ("80002", "离退休人员")

MERCHANTS: Final = tuple(
    """
    永旺超市 家家乐超市 百味餐厅 老街面馆 蜀香火锅 晨曦咖啡 康健药房 优衣服饰 乐购百货 快捷加油站 安居家政 新知书店 影都影城 通达出行 鲜果园
    宠物之家 数码城 美妆坊 运动天地 绿洲健身
""".split()
)
MERCHANT_FORMS: Final = ("", "一店", "二店", "旗舰店", "中心店", "分店")
BANKS: Final = (
    ("901100000011", "江南商行", "JNSHCNBJ"), ("902290000024", "东海银行", "DHYHCNSH"), ("903584000037", "南岭银行", "NLYHCNBS"),
    ("904651000048", "天府商行", "TFSHCNBC"), ("905331000056", "钱塘银行", "QTYHCNBH"), ("906521000069", "荆楚商行", "JCSHCNBW"),
)  # fmt: skip
"""Banks of outside accounts, all invented: clearing number, short name, BIC."""
FOREIGN_COMPANIES: Final = (
    "Harbour Trading Ltd", "Northwind Components GmbH", "Pacific Rim Supply Inc", "Lumière Textiles SARL", "Kanto Parts KK",
    "Gulf Star General Trading LLC", "Orchard Electronics Pte Ltd", "Baltic Freight OU", "Andes Minerals SA", "Sakura Foods KK",
)  # fmt: skip
