"""Districts by GB/T 2260 with telephone area and post code, streets in them, and where our branches stand."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from kyc.simulate.chance import below, between, pick
from kyc.simulate.words import COMMUNITIES, STREETS


class Region(NamedTuple):
    """One district. ``province`` and ``city`` are equal where the city is a province."""

    code: str
    """GB/T 2260, six digits."""
    province: str
    city: str
    district: str
    area: str
    """Telephone area code."""
    postcode: str


class Address(NamedTuple):
    """A postal address of China."""

    region: str
    """GB/T 2260 code of the district."""
    text: str
    postcode: str


_TABLE: Final = """
110101 北京市 北京市 东城区 010 100010
110105 北京市 北京市 朝阳区 010 100020
110106 北京市 北京市 丰台区 010 100071
110108 北京市 北京市 海淀区 010 100080
120101 天津市 天津市 和平区 022 300041
130102 河北省 石家庄市 长安区 0311 050011
140105 山西省 太原市 小店区 0351 030032
150102 内蒙古自治区 呼和浩特市 新城区 0471 010030
210102 辽宁省 沈阳市 和平区 024 110001
210202 辽宁省 大连市 中山区 0411 116001
220102 吉林省 长春市 南关区 0431 130022
230102 黑龙江省 哈尔滨市 道里区 0451 150010
310101 上海市 上海市 黄浦区 021 200001
310104 上海市 上海市 徐汇区 021 200030
310105 上海市 上海市 长宁区 021 200050
310110 上海市 上海市 杨浦区 021 200082
320102 江苏省 南京市 玄武区 025 210018
320106 江苏省 南京市 鼓楼区 025 210009
330102 浙江省 杭州市 上城区 0571 310002
330106 浙江省 杭州市 西湖区 0571 310013
330203 浙江省 宁波市 海曙区 0574 315000
350102 福建省 福州市 鼓楼区 0591 350001
360102 江西省 南昌市 东湖区 0791 330006
370102 山东省 济南市 历下区 0531 250014
370202 山东省 青岛市 市南区 0532 266001
410102 河南省 郑州市 中原区 0371 450007
420102 湖北省 武汉市 江岸区 027 430014
420106 湖北省 武汉市 武昌区 027 430061
430102 湖南省 长沙市 芙蓉区 0731 410011
440103 广东省 广州市 荔湾区 020 510145
440106 广东省 广州市 天河区 020 510630
440304 广东省 深圳市 福田区 0755 518000
440305 广东省 深圳市 南山区 0755 518000
450102 广西壮族自治区 南宁市 兴宁区 0771 530012
500103 重庆市 重庆市 渝中区 023 400010
510104 四川省 成都市 锦江区 028 610020
510107 四川省 成都市 武侯区 028 610041
520102 贵州省 贵阳市 南明区 0851 550002
530102 云南省 昆明市 五华区 0871 650032
540102 西藏自治区 拉萨市 城关区 0891 850000
610102 陕西省 西安市 新城区 029 710004
610113 陕西省 西安市 雁塔区 029 710061
620102 甘肃省 兰州市 城关区 0931 730030
630102 青海省 西宁市 城东区 0971 810007
640104 宁夏回族自治区 银川市 兴庆区 0951 750001
650102 新疆维吾尔自治区 乌鲁木齐市 天山区 0991 830002
653101 新疆维吾尔自治区 喀什市 喀什市 0998 844000
"""

REGIONS: Final = tuple(Region(*line.split()) for line in _TABLE.strip().splitlines())
BY_CODE: Final = {region.code: region for region in REGIONS}
BRANCHES: Final = tuple(f"B{number:03d}" for number in range(1, len(REGIONS) + 1))
"""One branch a district, in the order of the table."""
BRANCH_OF: Final = {region.code: branch for region, branch in zip(REGIONS, BRANCHES, strict=True)}
TELLERS: Final = {branch: tuple(f"{branch}-T{number:02d}" for number in range(1, 6)) for branch in BRANCHES}
"""Staff numbers of the tellers by branch; the first also opens customer files."""
MINORITY_REGIONS: Final = ("540102", "650102", "653101")


def make_address(random: Random, region: Region) -> Address:
    """Some flat in ``region``."""
    city = "" if region.city in {region.province, region.district} else region.city
    street = f"{pick(random, STREETS)}{between(random, 1, 880)}号{pick(random, COMMUNITIES)}"
    building = f"{between(random, 1, 30)}栋{between(random, 1, 4)}单元"
    room = f"{building}{between(random, 1, 33)}{between(random, 1, 4):02d}室"
    return Address(region.code, f"{region.province}{city}{region.district}{street}{room}", region.postcode)


def make_mobile(random: Random) -> str:
    """A mobile number of mainland China, in E.164."""
    return f"+86{pick(random, ('138', '139', '150', '158', '186', '189', '176'))}{below(random, 10**8):08d}"


def make_landline(random: Random, region: Region) -> str:
    """A landline number of ``region``, in E.164."""
    return f"+86{region.area.lstrip('0')}{between(random, 20_000_000, 89_999_999)}"
