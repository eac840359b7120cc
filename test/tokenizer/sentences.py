"""Texts for the golden files: sentences written for this purpose, tricky strings by hand, and a seeded generator."""

import random
import unicodedata

SENTENCES = """\
The package arrived two days late, but the customer didn't complain about it.
Please don't reset my card's PIN; I'll call the bank tomorrow at 9:30 a.m.
She paid $1,249.99 for a second-hand laptop, which isn't cheap, is it?
"Unbelievable!" he shouted, "they've cancelled the internationalization workshop again."
Email support@example.com or visit https://example.com/help?topic=refunds&lang=en#top for details.
The state-of-the-art encoder misclassifies roughly 3.7% of the held-out examples.
Antidisestablishmentarianism and floccinaucinihilipilification are long words.
Water boils at 100 degrees Celsius, or 212 degrees Fahrenheit, at sea level.
Our neighbours grow tomatoes, courgettes and peppers behind the old railway station.
Could you tell me where the nearest pharmacy is, and when it closes tonight?
Die Straßenbahn fährt heute wegen Bauarbeiten nur bis zum Hauptbahnhof.
Können Sie mir bitte die Öffnungszeiten der Bücherei schicken? Grüße aus Köln!
Donaudampfschifffahrtsgesellschaft ist ein sehr langes Wort; „Übermut“ ist kürzer.
L'été dernier, nous avons mangé des crêpes à la crème près de l'Hôtel-Dieu.
Où est passé mon œuf ? Ça m'étonne qu'il ait disparu si vite, naïf que je suis.
El niño pequeño comió una piña en la montaña; ¿quién lo habría imaginado? ¡Qué alegría!
A criança não dormiu porque o avião fez muito barulho durante a manhã em São Paulo.
La città è più bella quando non c'è nessuno per le strade, perché si sente il mare.
Het meisje vond de reünie leuk, maar de coördinator had geen ideeën meer.
Flickan åkte till Malmö för att köpa blåbär, och hennes bror stannade i Göteborg.
Jeg spiste brød på øen, mens færgen sejlede til Ærø i den kølige morgen.
Þetta er ágætur dagur til að ganga á fjöll, sagði Guðrún við börnin sín.
Zażółć gęślą jaźń, powiedział nauczyciel, a uczniowie zapisali to w zeszytach.
Příliš žluťoučký kůň úpěl ďábelské ódy v zahradě u řeky.
Az árvíztűrő tükörfúrógép hangosan működött az öreg műhelyben.
Istanbul'da yağmur yağıyor; İzmir'de ise güneş ışıl ışıl parlıyor, değil mi?
Ćwierćwiecze później şehirdeki kütüphane yeniden açıldı ve herkes sevindi.
Tôi muốn đặt một bàn cho bốn người vào tối thứ sáu, nếu còn chỗ trống.
Người Việt Nam thường uống cà phê sữa đá vào buổi sáng trước khi đi làm.
Съешь ещё этих мягких французских булок да выпей же чаю, сказала бабушка.
Йогурт и хлеб стоят дёшево, а билет на поезд до Санкт-Петербурга подорожал.
Їжак з'їв ґудзик, а потім пішов спати під старою яблунею біля хати.
Љубав је као њива: мора да се обрађује сваки дан, рекао је ђак.
Η γρήγορη αλεπού πηδάει πάνω από τον τεμπέλη σκύλο· ΟΔΥΣΣΕΥΣ και Όμηρος.
Πόσο κοστίζει το εισιτήριο για τη Θεσσαλονίκη; Δεν έχω αρκετά χρήματα.
Ես սիրում եմ կարդալ գրքեր երեկոյան, երբ տանը լռություն է։
საქართველოში ღვინო და პური ყოველთვის მაგიდაზეა, თქვა მასპინძელმა.
أريد أن أحجز غرفة لشخصين ليلة الخميس، من فضلك. هل يوجد موقف للسيارات؟
كِتَابٌ جَدِيدٌ عَلَى الطَّاوِلَةِ، وَقَلَمٌ قَدِيمٌ تَحْتَهَا.
لطفاً به من بگویید که این قطار می‌رود یا نه؟ می‌خواهم زودتر برسم.
یہ کتاب بہت دلچسپ ہے، میں اسے آج ہی پڑھوں گا۔
אני רוצה להזמין שולחן לארבעה אנשים בשעה שמונה בערב, תודה רבה!
בְּרֵאשִׁית הָיָה הַשָּׁקֶט, וְאַחַר כָּךְ בָּאָה הַמּוּזִיקָה.
मुझे कल सुबह दिल्ली जाना है, क्या ट्रेन में कोई सीट खाली है?
क्षत्रिय और ज़मींदार की कहानी बच्चों को बहुत पसंद आई, फ़िल्म भी बनी।
আমি প্রতিদিন সকালে চা খাই এবং খবরের কাগজ পড়ি, তারপর কাজে যাই।
எனக்கு தமிழ் மொழி மிகவும் பிடிக்கும்; நாளை கடற்கரைக்குச் செல்வோம்.
నేను రేపు హైదరాబాద్ వెళ్తున్నాను, మీరు కూడా వస్తారా?
ನಾನು ಬೆಂಗಳೂರಿನಲ್ಲಿ ವಾಸಿಸುತ್ತೇನೆ ಮತ್ತು ಪುಸ್ತಕ ಓದುತ್ತೇನೆ.
എനിക്ക് ഒരു കപ്പ് ചായ വേണം, പഞ്ചസാര വേണ്ട.
ඔබට කොහොමද? මම හොඳින් සිටිමි, ස්තූතියි.
วันนี้อากาศร้อนมาก ฉันอยากไปว่ายน้ำที่ทะเลกับเพื่อนๆ
ຂ້ອຍມັກກິນເຂົ້າໜຽວກັບປາປີ້ງທຸກວັນ
ကျွန်တော် မနက်ဖြန် ရန်ကုန်မြို့ကို သွားမယ်။
ខ្ញុំចូលចិត្តស្តាប់តន្ត្រីនៅពេលយប់។
ང་རང་ལྷ་སའི་ནང་དུ་སྡོད་ཀྱི་ཡོད།
እኔ በየቀኑ ጠዋት ቡና እጠጣለሁ፤ ከዚያም ወደ ሥራ እሄዳለሁ።
今天天气很好，我们打算去公园散步，然后在湖边吃午饭。
这家银行的信用卡为什么总是扣我手续费？请尽快处理，谢谢！
北京大学的图书馆周末几点关门？我想借三本关于機器學習的書。
臺灣的夜市有很多好吃的東西，例如蚵仔煎、臭豆腐與珍珠奶茶。
明日の会議は午後３時からです。資料をメールで送ってください。
東京タワーとスカイツリー、どちらが高いですか？ﾊﾝｶｸｶﾅも使います。
猫がソファーの上で寝ている間に、ごはんがなくなってしまった！
오늘 서울은 비가 와서 길이 많이 막혔어요. 우산을 꼭 챙기세요!
한국어 형태소 분석은 생각보다 어렵지만 재미있습니다.
Энэ жил хавар эрт ирж, малчид баярлаж байна.
Ninapenda kusoma vitabu jioni baada ya kazi, hasa riwaya za zamani.
Saya ingin memesan tiket kereta api ke Yogyakarta untuk besok pagi.
Great service 😀👍🏽, my family 👨‍👩‍👧‍👦 loved it!!! 🇫🇷🇩🇪 ❤️ #happy @friend
I can't even 😂😂😂 ... why would you do this 🤷‍♀️🤦🏿‍♂️?? smh 1️⃣2️⃣ ©®™
""".splitlines()

ZALGO = "Z\u0351\u036b\u0343\u032a\u0302a\u0363\u0316\u0328l\u0334\u0323g\u0322\u0300o\u0345\u0301"

TRICKY = [
    "", " ", "  ", "\t", "\n", "\r\n", "\r", " \r\n \n\r ", "\u00a0", "\u3000", "\u3000\u3000a\u3000", "\u200b", "\u200d",
    "\ufeff", "\ufeffhello", "hello\ufeff", "\0", "a\0b", "\x01abc", "\x01\x02\ufb01x", "\x7f", "a\x7fb", "\x85", "a\x85b",
    "\x0b\x0c", "a\x0bb\x0cc", "\u2028a\u2029b", "\ufffd", "a\ufffdb", "\ue000", "a\ue000b", "\U000f0000x", "\u00ad", "co\u00adoperate",
    "é", "e\u0301", "É", "E\u0301", "e\u0301\u0302", "\u0301", "\u0301e", " \u0301", "\u0301\u0316", "a\u0300\u0316b", "à\u0316b",
    "a\u0316\u0300b", "\u0344", "\u0344\u0316x", "q\u0307\u0323", "\u1e9b\u0323", "ồ", "o\u0302\u0300", "o\u0300\u0302", "ǖ", "Ǖ", "Å\u212b", "Ω\u2126", "K\u212a",
    "İ", "İstanbul", "i\u0307", "I\u0307", "ı", "I", "ß", "ẞ", "ΣΑΣ", "ς", "Ἀθῆναι", "ᾳ", "ᾼ", "ŉ", "ǰ", "ΐ", "ﬁ", "ﬃ", "ﬀligature", "oﬃce ﬂow", "ĳ", "Ǆ", "ǅ", "ǆ",
    "①②③", "½ ⅓ ¼", "x²+y³", "℃ ℉ № ℡ ™", "㍿ ㌔ ㎏ ㈱", "ＡＢＣ　ａｂｃ　１２３", "ﾊﾝｶｸ ｶﾞｷﾞ ﾊﾟﾋﾟ", "か\u3099き\u3099", "は\u309aひ\u309a", "\u3131\u314f", "\u1112\u1161\u11ab", "\uac00\u11a8", "한", "\u1112\u1161\u11ab한글",
    "가\u0301", "\u11a8\u0301", "\u1100\u1161\u11a8\u0301b", "中\u0301文", "中文", "中 文", "中a文b", "a中", "㐀䶵", "\U00020000\U0002a6d6", "\uf900\uf901", "\u2f81a\U0002f81a", "\U0002b740\U0002b820\U0002b920", "々〆〇", "ㄅㄆㄇ", "〱",
    "a\u302eb", "가\u302e", "\u302e\u0301\u0316", "x\u302e\u0301\u0316y", "\u0301\u302e\u0316", "\U0001d15e", "\U0001d160\u0301", "\U0001d165\u0316\u0301a", "a\u0301\U0001d165b", "a\u0301\U0001d16d\u0316\U0001d165b", "\U0001d1bb",
    "\u0f73\u0f71", "\u0f43\u0f77", "\u0f71\u0f72\u0f74", "\u0958\u0301", "क\u094d\u0958\u0301", "क\u093c\u094d\u0958\u0301", "क्षि", "ক্\u200dষ", "க்ஷ", "ക്\u200d", "ำ", "กำ", "เก้า", "ໜ", "ຳ",
    "\u0600a", "\u0600\u0301a", "\u06dd1", "\u070f\u0710", "\u0890a", "\U000110bd1", "\u0d4ea", "\r\n\r\na", "a\r\nb", "\r\u0301", "\n\u0301", "\u0600\n",
    "ａ\u0301", "Ａ\u0300b", "ｶ\u3099", "ﾊ\u309a\u0301", "\uff21\u200d", "\uff21\u200c", "\uff01\u0301!", "²\u0301", "²\u0301\u0302\u0303", "½\u0301\u0302", "©\u200d🙂", "©\u0301", "©\ufe0f", "®\u200d®\u0301", "㊗\ufe0f", "🙂\u200d©\u0301",
    "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇫🇷", "🇫🇷🇩", "🇫", "🇫\u0301🇷", "1️⃣", "☺️", "☺", "❤️‍🔥", "🤷‍♀️", "\U0001f9d1\u200d\U0001f680", "\U000e0067\U000e007f", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "😀a😀", "a😀b😂c", "\ufe0f", "\u20e3", "\U0001fae8", "\U0001fae9", "\U0001cc00",
    "שָׁלוֹם", "\ufb2a\ufb2b", "\ufb4f", "לא", "السلام", "ﷺ", "ﷲ", "ﻻ", "لا", "ـ", "مـــرحبا", "\u064b\u0651", "\u0651\u064b", "\u200fabc\u200e", "\u202eabc\u202c", "\u2066x\u2069", "\u061c", "می\u200cخواهم",
    "don't", "can’t", "''", "``quoted''", "“quotes” ‘single’", "«guillemets»", "—–‒-‐‑", "...…", "a.b.c", "3.14", "1,000", "$5", "€5", "£5", "¥5", "a+b=c", "a^b", "~", "`", "|", "<>", "C++", "C#", "@x", "#y", "x_y", "__init__", "\\n", "50%", "50‰", "§4", "¶", "•", "¿?¡!", "·", "٪", "،؛؟", "।॥", "。、", "「」", "・", "‿", "⁀", "\u2e4f", "\U00010100", "\U0001e95e", "\u05be", "\u061d", "\u1b7d", "\U00011fff", "\u2e5d",
    "▁", "▁▁", "a▁b", "▁a", "a▁", " ▁ a", "▁ ▁", "Ġ", "Ġa", "aĠ", "Ġa bĠ Ġ", "a  b", "a   b    c", "  leading", "trailing  ", " both ", "a \t\n b", "\u2003em\u2003space\u2009",
    "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "a[SEP]b", " [SEP] ", "[CLS] a [SEP] b [SEP]", "[sep]", "[ SEP ]", "[SEP", "[[SEP]]", "[MASK][MASK]", "the [MASK] of", "[MASK]\u0301", "é[MASK]é", "  [MASK]  ", "\x01[SEP]\x01",
    "<s>", "</s>", "<pad>", "<unk>", "<mask>", "a<mask>b", "a <mask> b", "  <mask>  ", " <mask><mask> ", "<s>a</s>", "<S>", "</s></s>", "<mask>.", "<unk><unk>", "x<unk>y", "▁<mask>", "\u3000<mask>\u3000x", "é<s>é", "\r\n<s>\r\n",
    "Tenant", "tenant", "TENANT", "tenants", "a tenant b", "sub-tenant", "tenant1", "ténant", "tenant tenant", " tenant ", "étage étages", "ÉTAGE", "e\u0301tage", "brand new", "brand  new", "brandnew", "Brand New x", "x brand new", "brand new brand new",
    "a" * 99, "a" * 100, "a" * 101, "a" * 300, "é" * 99 + "x", "é" * 100, "é" * 101, "e\u0301" * 60, "中" * 150, "😀" * 120, "x" * 50 + "-" + "y" * 101, "ab" * 200, "\u0301" * 50, "a" + "\u0301\u0316" * 40 + "b", "▁" * 20, "!" * 110, "ن" * 120, "ก" * 130, "0" * 101, "…" * 60,
    ZALGO, ZALGO * 3, "ϓ\u0301", "ϒ\u0301\u0323", "\ua7ba\ua7bb", "\ua7dc", "\U00010d50", "\U00010400\U00010428", "\U0001e900", "\U000118a0", "Ა", "ა", "Ꭰ", "ꭰ", "Ⴀ", "Ⰰ", "\u2c2f", "ẚ", "ʼn", "㎈", "㋿", "\u32ff", "\u33e0", "…\u0301", "\u2025", "\u2024", "′″‴", "‵", "‼⁇⁈⁉", "⑴⒈⒜ⓐ", "🄀🄐🄰", "🈀", "𝐀𝒜𝔸𝟘𝟙", "ℵℶ", "ⅷⅧ", "﹙﹚﹛", "︵︶", "﹏", "ￂￃ", "￠￡￢￣￤￥￦", "㆐㆑", "⼀⼁", "⺟", "ꜰ", "ᵃᵇ", "ₐ₁", "ʰʲ", "\u0149", "\u017f", "\u0132", "\u013f", "\u00b5", "\u00aa\u00ba", "\u00b4\u00a8\u00b8", "\u02d8", "\u037a", "\u0384\u0385", "\u1fbd", "\u1ffe", "\u2002", "\u203e",
    "\u1160", "\uffa0", "\u3164", "\u115f", "\u180e", "\u2060", "\u2061", "\ufff9x\ufffb", "\u034f", "a\u034fb", "\u17b4", "\u2800", "\U0001d173", "\ufdd0", "\ufffe", "\uffff", "\U0001ffff", "\U0010ffff", "\u0378", "\u0860", "\u08e2x", "\u1abf", "\u1ac0\u0301", "\u0898\u0316", "\u1dfa\u0301a", "\U00016ff0\u0301", "\u1715", "\u1734\u0301", "\u0d3b", "\u0ebaa", "\U00010efd\u0301", "a\u0897\u0301b",
]  # fmt: skip

# What byte-level vocabularies and GPT-2's expression trip over.
BYTES = [
    "I'm you're he's we've they'll I'd can't", "I'M YOU'RE HE'S", "'s", " 's", "''s", "'''ll've", "'r 're'v", "'", "x'", "o'clock 's-Gravenhage", "’s ‘t", "'ſ",
    "a\r\nb\r\n\r\nc", "\r\n", "a\n\n\nb", "a \n b", "a\t\tb", "\ta", " \ta", "\n a", "  a", "   a", "a  ", "a   ", "a \u00a0b", "a\u00a0 b", "\u3000 a", "a\u2003\u2003b", "a\u0085\u0085b", "\u1680x", "\u180ex", "\x1ca\x1f b",
    "1234567", "a1b2", "3.14e-10", "٣٤٥", "１２３", "½¼", "ⅧⅨ", "一二三", "๓๔", "\U0001d7d8\U0001d7d9", "²³¹", "a²b", "5%", "$5", "1st 2nd", "१२३abc",
    "…!?", " ...", "!!", "a!b", " !", "- -- ---", "C:\\dir", "__init__", "_ _", "a_b", "😀", " 😀", "😀😀 😀", "a😀b", "👨‍👩‍👧", " 👨‍👩‍👧 x", "🇫🇷🇩🇪", "☺️", "\ufe0f", "\u200b", "a\u200bb", "\u200b a", "\ufeffa", "\u00ada\u00ad", "\ufffd\ufffd",
    "中文字", " 中文", "中 文", "日本語のテスト", "한국어 시험", "e\u0301", " e\u0301", "e \u0301", "\u0301", " \u0301", "n\u0303o", "q\u0307\u0323", "s\u0323\u0307", "s\u0307\u0323", "\u1e9b\u0323", "\u0344x", "\u0316\u0344", "\u0f73\u0f71", "\u0958", "\u2126\u212b\u212a",
    "\u1100\u1161\u11a8", "\uac00\u11a8", "\uac01\u11a8", "\u1100\u1161\u11a7", "\u1112\u1161", "\u0cc6\u0cc2\u0cd5", "\u0b47\u0b56", "\u0dd9\u0dca", "か\u3099", "\U000110a5\U000110ba", "\U0001d15e", "\ufb2a", "\u0340\u0341", "\u2000", "\u2001a", "\uf900", "\U0002f81a", "\u0374\u037e\u0387", "\u1fef", "\u2329x", "A\u030a\u0301", "o\u0302\u0323", "\u0301e\u0301",
    "<s>a</s>", " <s> a </s> ", "<mask>", " <mask>", "a <mask> b", "a<mask>b", "  <mask>  <mask>", "\u3000<mask>", "<mask> <mask>", "<pad><unk>", "x\n<mask>\n", "[MASK]", "a  [MASK]", "</s></s>", "a</s>b", "[unused0]", "e\u0301!", "é!", "a        b", "          ",
    "Ġ", "aĠb", "Ċ", "Ġ Ġ", "Â", "Ã©", "\u0120\u010a",
    "a" * 300, "é" * 200, "中" * 150, "😀" * 60, " " * 40, "\n" * 30, "ab" * 150, "a" + "\u0301" * 40, "0" * 60, "!" * 80, " a" * 50, "\u0301\u0316" * 30,
]  # fmt: skip

SPECIALS = ["[SEP]", "[MASK]", "[CLS]", "<s>", "</s>", "<mask>", "<unk>", "tenant", "brand new", "étage"]
SPACES = [" ", " ", " ", " ", "  ", "\t", "\n", "\r\n", "\u3000", "\u00a0", "\u200b", "\u2009"]
ODD = [
    "\u200d", "\u200c", "\ufe0f", "\u00ad", "\x01", "\x7f", "\ufffd", "\u0600", "▁", "Ġ", "İ", "ﬁ", "①", "½", "²", "㍿", "ﾊﾟ",
    "\u302e", "\U0001d165", "\U0001d15e", "\u0f73", "©", "\U0001f1eb", "\U0001f1f7", "\u11a8", "\u094d", "\u0958", "\uff21", "…", "\r",
]  # fmt: skip
MARKS = [0x300, 0x301, 0x302, 0x303, 0x307, 0x308, 0x30C, 0x316, 0x323, 0x327, 0x328, 0x334, 0x345, 0x5B0, 0x64B, 0x651, 0x93C, 0x94D, 0xE48, 0x3099, 0x1AB0, 0x20D0]
BLOCKS = [
    (0x20, 0x7F), (0x80, 0x250), (0x250, 0x370), (0x370, 0x530), (0x530, 0x700), (0x700, 0x900), (0x900, 0xE00), (0xE00, 0x1200),
    (0x1200, 0x1E00), (0x1E00, 0x2000), (0x2000, 0x2C00), (0x2C00, 0x3000), (0x3000, 0x3400), (0x4E00, 0xA000), (0xA000, 0xAC00),
    (0xAC00, 0xD7FC), (0xF900, 0x10000), (0x10000, 0x12000), (0x16F00, 0x17000), (0x1D000, 0x1D800), (0x1E000, 0x1F000), (0x1F000, 0x1FB00), (0x20000, 0x30000),
]  # fmt: skip


def changed(word, rng):
    kind = rng.randrange(12)
    if kind == 0:
        return unicodedata.normalize("NFD", word)
    if kind == 1:
        return word.upper()
    if kind == 2:
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)
    if kind == 3:
        return "".join(c + chr(rng.choice(MARKS)) * rng.randrange(3) for c in word)
    if kind == 4:
        at = rng.randrange(len(word) + 1)
        return word[:at] + rng.choice(ODD) + word[at:]
    if kind == 5:
        return word[::-1]
    if kind == 6:
        return word * rng.randrange(1, 4)
    return word


def generated(count, seed):
    rng = random.Random(seed)
    words = [word for sentence in SENTENCES for word in sentence.split()]
    for _ in range(count):
        parts = []
        for _ in range(rng.randrange(1, 9)):
            kind = rng.randrange(20)
            if kind == 0:
                part = rng.choice(SPECIALS)
            elif kind == 1:
                low, high = rng.choice(BLOCKS)
                part = "".join(chr(rng.randrange(low, high)) for _ in range(rng.randrange(1, 6)))
            elif kind == 2:
                part = "".join(rng.choice(ODD + [chr(rng.choice(MARKS)), "a", "の"]) for _ in range(rng.randrange(1, 7)))
            else:
                part = changed(rng.choice(words), rng)
            parts.append(part)
            if rng.randrange(8):
                parts.append(rng.choice(SPACES))
        yield "".join(parts)


def lines(kind="all"):
    """All texts of a golden file, in order."""
    if kind == "bytes":
        return [*BYTES, *SENTENCES, *TRICKY, *generated(500, 21)]
    return [*TRICKY, *SENTENCES, *generated(2400, 20)]
