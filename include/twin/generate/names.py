"""Company and person names from word lists of our own. Two companies never share a name."""

from dataclasses import dataclass

from include.twin.generate.draws import choose


def _words(text: str) -> list[str]:
    return text.split()


FIRST = _words(
    "Amber Anchor Apex Atlas Aurora Banyan Basalt Beacon Birch Bluefin Cedar Citadel Cobalt Comet Coral "
    "Crescent Delta Ember Equator Falcon Fathom Garnet Granite Harbour Heron Indigo Ivory Jade Juniper "
    "Kestrel Lantern Lotus Magnet Mangrove Meridian Monsoon Nimbus Orchid Osprey Pelican Quartz Rattan "
    "Sable Saffron Tamarind Teak Vector Zenith"
)
SECOND = _words(
    "Bay Bridge Cape Channel Circle Coast Creek Crest Crown Current Dawn Field Forge Gate Grove Hill "
    "Island Junction Key Lake Lane Line Link Loom Mast Mesa Mill North Path Peak Pier Plain Point Port "
    "Quay Reef Ridge River Rock Sail Shore Spring Stone Strait Summit Tide Valley Wharf"
)
TRADE = _words(
    "Analytics Aviation Biotech Capital Cloud Commerce Energy Engineering Finance Foods Freight Health "
    "Labs Logistics Marine Media Mobility Networks Payments Robotics Software Systems Textiles Travel"
)

NATIVE: dict[str, tuple[list[str], list[str], list[str]]] = {
    "JP": (
        _words("青山 朝日 旭 飛鳥 桜 春日 港 光 富士見 若葉 瑞穂 大和 緑 銀河 白鳥 松風"),
        _words("電機 物流 食品 製作所 商事 精工 化学 建設 印刷 薬品 通信 海運 工業 紡績 観光 開発"),
        _words("東 西 南 北 新 中央 国際 日本"),
    ),
    "KR": (
        _words("가온 나래 다솜 라온 미르 바다 새롬 아라 자람 찬솔 초록 큰들 하늘 해솔 누리 온새"),
        _words("전자 물류 식품 소프트 산업 건설 제약 통신 해운 화학 에너지 무역 미디어 바이오 금융 여행"),
        _words("동방 서울 남해 북한강 신흥 중앙 국제 대한"),
    ),
    "CN": (
        _words("安平 博远 长青 德信 丰泽 光合 海岚 嘉禾 金桥 开元 澜海 明泰 青禾 瑞安 天际 云帆"),
        _words("科技 物流 食品 软件 实业 建设 医药 通信 航运 化工 能源 贸易 传媒 生物 金融 旅游"),
        _words("东 西 南 北 新 中 华 联"),
    ),
    "TH": (
        _words("ทองคำ ศรีทะเล พนา รุ่งเรือง เจริญ มั่นคง สายฟ้า ใบไม้ ชัยชนะ ดาวเหนือ น้ำใส ภูผา เพชร ลำธาร อรุณ ไพลิน"),
        _words(
            "ขนส่ง อาหาร ซอฟต์แวร์ พลังงาน ก่อสร้าง การค้า สื่อสาร เคมี ยา ท่องเที่ยว สิ่งทอ การแพทย์ ประมง ไฟฟ้า "
            "เกษตร โลจิสติกส์"
        ),
        _words("ตะวันออก ตะวันตก ใต้ เหนือ ใหม่ กลาง สากล ไทย"),
    ),
    "VN": (
        _words("Bình Cường Đại Đông Hải Hưng Khánh Lâm Long Minh Nam Phú Quang Sơn Thành Việt"),
        _words("An Châu Đạt Giang Hà Lộc Nguyên Phát Phong Tâm Thái Thịnh Tiến Vinh Vũ Xuân"),
        _words("Xanh Mới Á Vàng Sao Biển Rồng Sen"),
    ),
}

# Ways to write one and the same legal form; the first is how the register has it.
SPELLINGS = {
    "SG": ("{} Pte Ltd", "{} Pte. Ltd.", "{} Private Limited", "{} PTE LTD"),
    "US": ("{} Inc", "{}, Inc.", "{} Incorporated"),
    "AU": ("{} Pty Ltd", "{} Pty. Limited", "{} Pty. Ltd."),
    "JP": ("株式会社{}", "㈱{}", "{}株式会社"),
    "IN": ("{} Private Limited", "{} Pvt Ltd", "{} Pvt. Ltd."),
    "MY": ("{} Sdn Bhd", "{} Sdn. Bhd.", "{} Sendirian Berhad"),
    "ID": ("PT {}", "PT. {}", "{}, PT"),
    "HK": ("{} Limited", "{} Ltd", "{} Ltd."),
    "TH": ("บริษัท {} จำกัด", "บริษัท {} จํากัด"),
    "PH": ("{} Inc.", "{}, Inc.", "{} Incorporated"),
    "KR": ("주식회사 {}", "㈜{}", "(주){}"),
    "VN": ("Công ty TNHH {}", "CÔNG TY TNHH {}", "Cong ty TNHH {}"),
    "CN": ("{}有限公司", "{} 有限公司"),
}

GIVEN = _words(
    "Aisha Akira Anita Arjun Bao Carmen Chen Dewi Diego Elena Farid Grace Hana Hiroshi Huong Imran Jin "
    "Joko Kavya Kenji Lakshmi Lan Liam Mei Minh Nadia Nurul Olivia Priya Rafael Ravi Rosa Sakura Siti "
    "Somchai Sun Tariq Thanh Wei Yuki"
)
FAMILY = _words(
    "Abdullah Aquino Bautista Chan Chua Das Garcia Goh Gupta Harris Ito Iyer Kim Kumar Lee Lim Martin "
    "Mori Nair Ng Nguyen Ong Park Patel Pham Rahman Reyes Sato Santoso Singh Suzuki Tan Taylor Tran Wang "
    "Wijaya Wong Yamada Yeo Zhang"
)


@dataclass(frozen=True, slots=True)
class Company:
    core: str  # without its legal form
    legal_name: str
    domain: str  # below .example, which nobody can own (RFC 2606)


def _combine(index: int, lists: tuple[list[str], list[str], list[str]]) -> tuple[str, str, str, int]:
    """The index-th combination, scattered over the lists; the last item counts how often all were used."""
    first, second, third = lists
    size = len(first) * len(second) * len(third)
    turn, place = divmod(index, size)
    place = place * 7919 % size  # a prime that divides no size, so this is a permutation
    place, one = divmod(place, len(first))
    place, two = divmod(place, len(second))
    return first[one], second[two], third[place], turn


def company(index: int, country: str) -> Company:
    latin = _combine(index, (FIRST, SECOND, TRADE))
    number = f" {latin[3] + 1}" if latin[3] else ""
    core = f"{latin[0]} {latin[1]} {latin[2]}{number}"
    domain = core.lower().replace(" ", "-") + ".example"
    if country in NATIVE:
        one, two, three, turn = _combine(index, NATIVE[country])
        number = f" {turn + 1}" if turn else ""
        core = f"{one} {two} {three}{number}" if country == "VN" else f"{three}{one}{two}{number}"
    return Company(core, SPELLINGS[country][0].format(core), domain)


def variant(company: Company, country: str, draw: int) -> str:
    """Another spelling of the same legal name."""
    return choose(draw, SPELLINGS[country][1:]).format(company.core)


def person(given: int, family: int) -> tuple[str, str]:
    return choose(given, GIVEN), choose(family, FAMILY)
