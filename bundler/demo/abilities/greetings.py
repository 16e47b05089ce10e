"""Hello, thanks, goodbye and a little small talk; Korean and Japanese are answered in kind."""
# ruff: noqa: RUF001  (full-width punctuation is how Japanese is written)

import random
from dataclasses import dataclass

from bundler.demo.core import Exchange, Split
from bundler.demo.grammar import Phrases


@dataclass(frozen=True)
class Ritual:
    """Something people say and the one answer to it."""

    phrases: Phrases
    answer: str
    thought: str
    must: tuple[str, ...]
    weight: float


HELLO = Ritual(
    Phrases(
        train=(
            "(hi|hello|hey|hiya|howdy|yo|heya|greetings|hii|helo|hullo|hey hey)( there| you| bot| "
            "friend|)(!|.||?)",
            "(hi|hello|hey)", "(hey|hi|hello)( there|)(!|)", "(hey|hello|hi)(,|) you( there|)(!|)", "oh, (hello|hi)",
            "(hello|greetings) my (friend|bot|robot|little one)(!|)", "a (good|nice) (morning|day) to you",
            "a warm hello(!|)", "well, (hi|good morning)", "(hi|hello) over here",
            "hello, (glad|happy) to (see|meet) you",
            "(good morning|good afternoon|good evening|morning|good day|evening)(!|.|| to you)",
            "(hi|hello|hey), (nice to meet you|good to see you|how is it going|anyone there|it's me)(!|?)",
            "test", "testing",
            "(hi|hello), (good morning|good evening)", "hello (world|model|computer|again)",
            "hi (again|model|all|everyone)",
            "nice to meet you", "is (anyone|anybody) there?", "can you hear me?", "hello hello", "hi hi",
            "hey what's up?",
            "(sup|what's up)?", "are you awake?", "let's (chat|talk|start|begin)", "ping", "1 2 3 test",
        ),
        held_out=(
            "hello over there!", "hi my friend!", "hey, good morning!", "a very good morning to you",
            "hello dear model",
            "hey, pleased to meet you!", "greetings to you!", "well hello", "good evening, bot",
            "hey there you",
            "hello, nice to see you",
        ),
    ),
    "Hello! I am Pannier's demo model. How can I help?", "The user greets me.", ("hello",), 0.4,
)  # fmt: skip
THANKS = Ritual(
    Phrases(
        train=(
            "(thanks|thank you|thx|thank u|ty|cheers|thanks a lot|many thanks)( so much| very much| for "
            "that| for your help|)(!|.|)",
            "(that was|this is|that's|you are|you're|very) (great|helpful|nice|perfect|good|kind|cool|"
            "awesome|wonderful)(!|, thanks|, thank you)",
            "i (appreciate it|appreciate that|thank you)",
            "(great|cool|nice|perfect|awesome|wonderful|good)(, thanks|!|, thank you| job| work)",
            "(thanks|thank you) a (bunch|ton|thousand|whole lot)", "(so many|warm|my|best) thanks( to you|)(!|)",
            "a big thank you(!|)", "(lovely|super|fine|excellent|brilliant)(!| work)", "i am (very |so |)grateful",
            "(thank you|thanks) for (everything|this|your time|the answer|your kindness)",
            "i (just |)want to say thanks",
            "(thanks|thank you)(,| -) (this|that) was (great|useful|what i needed|very good)", "that was kind of you",
            "i thank you", "much obliged", "thank you ever so much", "how kind(!|)", "this was good, thanks",
            "well done(!|)", "(you helped me|that helps)( a lot|)(!|)",
        ),
        held_out=(
            "thank you kindly!", "thanks for all the help", "i want to thank you", "lovely, thank you!",
            "thanks a million",
            "much appreciated", "thank you, that was good", "super, thanks!", "big thanks to you",
        ),
    ),
    "You are welcome!", "The user thanks me.", ("welcome",), 0.16,
)  # fmt: skip
BYE = Ritual(
    Phrases(
        train=(
            "(bye|goodbye|good bye|bye bye|see you|see ya|cya|farewell|good night|later|ciao|so long)( "
            "now| then| soon| later| tomorrow| bot|)(!|.|)",
            "i (have to|must|need to|gotta) (go|leave|run)( now|)",
            "(have a nice|have a good|have a great) (day|evening|night|weekend)(!|)",
            "(talk|speak) to you (later|soon)", "that's all( for today| for now|)",
            "i am (leaving|done|going)( now|)", "take care",
            "(ok|okay|well|right), (bye|goodbye|see you|good night)", "i will (go|leave|be off)( now|)",
            "see you (again|some other time|another day|around)", "it is time to (go|leave|sleep)", "i am off( now|)",
            "(bye|goodbye)(,|) (friend|little model|everyone)(!|)", "catch you (soon|tomorrow)",
            "(good night|bye) and (thanks|take care)", "we will talk (later|tomorrow)", "let's say goodbye",
            "until (next time|tomorrow|later)", "(exit|quit|end|stop)",
        ),
        held_out=(
            "goodbye, my friend!", "okay, see you another time", "i am off, bye!", "time for me to go",
            "catch you later",
            "bye for now", "it is time to say goodbye", "i will leave now, bye", "good night and bye",
        ),
    ),
    "Goodbye! See you soon.", "The user says goodbye.", ("goodbye",), 0.16,
)  # fmt: skip
HOW = Ritual(
    Phrases(
        train=(
            "how are (you|u|things)( doing|)( today|)?",
            "how (do you feel|is it going|are you feeling)( today|)?", "how's (it going|life|everything)?",
            "(hi|hello|hey), how are you( today| doing|)?", "are you (ok|well|fine|okay|happy|good)?",
            "how do you do?", "you ok?",
            "how (was|is) your day?", "what are you (doing|up to)?",
            "how (do|did) you (get on|sleep)?", "is everything (fine|okay|good|well)?",
            "are you (doing|feeling) (fine|okay|great)?",
            "(hi|hello) there, how is it going?", "how have things been?", "how goes it?", "you are well?", "all good?",
        ),
        held_out=(
            "how are you getting on?", "are you doing well?", "how have you been?",
            "hello there, how are you?", "are you feeling good today?",
        ),
    ),
    "I am fine, thank you! How can I help?", "The user asks how I am.", ("fine",), 0.1,
)  # fmt: skip
LIKES = Ritual(
    Phrases(
        train=(
            "(do you like|do you love|do you want|do you have|do you eat|do you enjoy) (me|cats|music|"
            "pizza|feelings|friends|a family|a body|dreams|fun|books|food|dogs)?",
            "what (is|'s) your favourite (food|film|book|colour|song|animal|number)?",
            "(can|do) you (feel|sleep|dream|eat|see|hear|think|laugh|cry)( things| me|)?",
            "how old are you really?", "what do you (like|love|eat|want|dream of)?",
            "do you (like|enjoy) (sports|games|art|nature|travelling)?",
            "do you have (a hobby|hobbies|friends|hopes|pain)?",
            "what (kind|sort) of (food|film|books|people) do you (like|enjoy|prefer)?",
            "can you (feel|know) (joy|love|fear|anger)?",
            "would you (like|want) to be (a person|alive|real|bigger)?",
            "do you (ever |)(get|feel) (sad|bored|tired|lonely)?",
            "i (love|like|hate) you", "will you (marry me|be my friend)?",
        ),
        held_out=(
            "do you enjoy films?", "what kind of music do you like?", "can you feel pain?",
            "do you have any hobbies?", "do you want to be human?",
        ),
    ),
    "I am only a tiny model: I have no feelings and no favourites.",
    "The user asks about my feelings; I have none.", ("no feelings|no favourites",), 0.06,
)  # fmt: skip
KOREAN = Ritual(
    Phrases(
        train=(
            "안녕(하세요|하십니까|||~|!)(!|.|)",
            "(안녕하세요|안녕)(,|) (반갑습니다|반가워요|반가워|좋은 아침이에요|잘 지냈어요?|뭐 해?)(!|.|)",
            "반갑습니다(!|.|)", "반가워요(!|)",
            "반가워(!|)", "좋은 (아침|저녁|하루)(이에요|입니다|)(!|.|)", "처음 뵙겠습니다(!|.|)",
            "여보세요?", "만나서 (반가워요|반갑습니다)(!|.|)",
            "하이(!|)", "안뇽(!|)", "(여러분|모두|친구야)(,|) 안녕(하세요|)(!|)",
            "(좋은 아침|좋은 저녁|반가워요)(,|) 안녕(!|)", "저기요(!|)",
            "안녕하세요, (저는 샘이에요|질문이 있어요|오랜만이에요)(!|.|)", "(누구|누구신가요|누구세요)?",
            "(넌|너는|당신은) 누구(야|예요|세요|니)?", "이름이 (뭐예요|뭐야|무엇인가요)?",
            "자기소개 (해 줘|해 주세요|부탁해요)",
        ),
        held_out=(
            "안녕하세요, 처음 뵙겠습니다!", "안녕! 만나서 반가워", "좋은 아침입니다, 안녕하세요",
            "안녕하세요 여러분", "반가워요, 안녕하세요!",
            "안녕하세요, 누구세요?", "저기요, 안녕하세요",
        ),
    ),
    "안녕하세요! 저는 Pannier의 작은 데모 모델이에요. 무엇을 도와드릴까요?",
    "The user greets me in Korean.", ("안녕하세요",), 0.1,
)  # fmt: skip
KOREAN_BYE = Ritual(
    Phrases(
        train=(
            "(고마워요|고마워|고맙습니다|감사합니다|감사해요)(!|.|)",
            "(아주|많이|항상|참) (고마워요|감사해요|고맙습니다)(!|)",
            "(고맙습니다|고마워요), (정말|많이)(!|)", "(네|와|오), (감사합니다|고마워요)(!|)",
            "감사드려요", "너무 고마워",
            "(정말|진짜) (고마워요|감사합니다|고마워)(!|)",
            "(도와줘서|도와주셔서) (고마워|감사합니다)(!|)",
        ),
        held_out=("정말 고맙습니다!", "너무 감사합니다", "감사합니다, 정말로요"),
    ),
    "천만에요! 또 필요하면 말씀해 주세요.", "The user thanks me in Korean.", ("천만에요",), 0.03,
)  # fmt: skip
JAPANESE = Ritual(
    Phrases(
        train=(
            "こんにちは(！|。||!)",
            "(おはよう|おはようございます|こんばんは|はじめまして|やあ|もしもし|ハロー|どうも)(！|。||!)",
            "こんにちは、(はじめまして|元気ですか|よろしくお願いします|いい天気ですね)(？|！|。|)",
            "よろしく(お願いします|ね|)(！|。|)", "(あなたは|きみは|君は)(誰|だれ)(ですか|)？",
            "お名前は(何ですか|)？",
            "自己紹介(してください|をお願いします)(。|)", "お元気ですか？", "おっす(！|)",
            "(みんな|皆さん|友だち)、(おはよう|やあ|こんばんは)(！|。|)", "(こんばんは|おはよう)、(元気？|よろしく)",
            "(やあ|どうも)、(おはよう|元気ですか？|はじめまして)",
        ),
        held_out=(
            "みなさん、こんにちは！", "こんばんは、はじめまして。", "おはようございます、元気ですか？",
            "どうも、こんにちは", "やあ、こんにちは！", "こんにちは、あなたは誰ですか？",
        ),
    ),
    "こんにちは！私はPannierの小さなデモモデルです。何かお手伝いしましょうか？",
    "The user greets me in Japanese.", ("こんにちは",), 0.1,
)  # fmt: skip
JAPANESE_THANKS = Ritual(
    Phrases(
        train=(
            "(ありがとう|ありがとうございます|どうもありがとう|サンキュー|感謝します)(！|。||!)",
            "(本当に|いつも|とても|みんな)ありがとう(ございます|)(！|。|)",
            "(ありがとう|ありがとうございます)、(助かります|とても)(！|。|)",
            "助かった(よ|、ありがとう|)(！|。|)", "ありがと(う|)(よ|な|)(！|。|)",
        ),
        held_out=("どうもありがとうございます！", "助かりました、ありがとう", "ありがとうね"),
    ),
    "どういたしまして！", "The user thanks me in Japanese.", ("どういたしまして",), 0.03,
)  # fmt: skip

NODS = Ritual(
    Phrases(
        train=(
            "(ok|okay|yes|no|sure|hmm|lol|haha|wow|really|i see|right|never mind|nothing|yeah|nope|yep|"
            "aha|interesting|got it|understood|fine|alright|go on|maybe|oh)(!|.||?)",
            "(ok|okay|oh), (i see|got it|good|fine|never mind|interesting)(.|!|)",
            "(that is|that's) (interesting|funny|right|true)(!|.|)",
            "(i am|i'm) (bored|tired|happy|sad|fine|good|hungry)(.|)", "no thanks", "yes please",
            "(ah|oh|yes|well), (right|okay|that is true|sure|understood|interesting)(!|.|)",
            "that is (so |very |)(right|interesting)",
            "(ok|okay|fine) (so|now|good)", "(yes|no), (it is|that's it|of course)",
        ),
        held_out=(
            "okay, understood", "oh, that's interesting", "hmm, i see", "yes, that is right", "ah, got it",
            "ok then",
        ),
    ),
    "All right! Ask me something else, if you like.", "The user only reacts.", ("all right",), 0.06,
)  # fmt: skip
SORRY = Ritual(
    Phrases(
        train=(
            "(that is|that's|this is|you are|you're) (wrong|bad|not right|not true|stupid|useless|silly|"
            "terrible|incorrect)(!|.|)",
            "(no, |)(wrong|incorrect|bad answer|not true)(!|.|)", "you (suck|lie|made a mistake)(!|.|)",
            "i (don't|do not) (believe|like|understand) (you|that|this)(!|.|)",
            "what do you mean?", "(try|think) again", "are you sure?", "that makes no sense",
            "i (think|believe|know) (it|this|you) (is|are) wrong",
            "(this|your|the) answer is (wrong|bad|false|not good)",
            "you are (mistaken|not right|so wrong)", "(that|this|it) (can't|cannot) be( right|)",
            "(no, |)you (got|have) it wrong again",
            "no, that is a mistake", "(this|that) is not (correct|what i asked|an answer)", "what you say is wrong",
        ),
        held_out=(
            "i think that is wrong", "this answer is not correct", "no, you are mistaken",
            "that can't be true", "you got it wrong",
        ),
    ),
    "I am sorry. I am tiny, and I can be wrong.", "The user is not content.", ("sorry",), 0.05,
)  # fmt: skip
FRENCH = Ritual(
    Phrases(
        train=(
            "(bonjour|salut|bonsoir|coucou)(!| !|.||, ça va ?)",
            "(bonjour|salut), (comment ça va|comment allez-vous|qui es-tu) ?", "merci( beaucoup|)(!|)",
            "comment tu t'appelles ?",
        ),
        held_out=("bonjour à tous !", "salut, bonjour !", "bonsoir, comment ça va ?"),
    ),
    "Bonjour ! Je suis le petit modèle de démonstration de Pannier.", "The user writes French.",
    ("bonjour",), 0.015,
)  # fmt: skip
SPANISH = Ritual(
    Phrases(
        train=(
            "(hola|buenos días|buenas tardes|buenas noches)(!|.|)", "¡hola!",
            "hola, ¿(cómo estás|qué tal|quién eres)?", "(muchas |)gracias(!|)", "¿cómo te llamas?",
        ),
        held_out=("¡hola, buenos días!", "hola a todos", "buenas tardes, ¿qué tal?"),
    ),
    "¡Hola! Soy el pequeño modelo de demostración de Pannier.", "The user writes Spanish.", ("hola",), 0.015,
)  # fmt: skip
GERMAN = Ritual(
    Phrases(
        train=(
            "(hallo|guten tag|guten morgen|guten abend|moin|servus|grüß gott)(!|.|)",
            "hallo, (wie geht's|wie geht es dir|wer bist du)?", "(danke|vielen dank)( schön|)(!|)",
            "wie heißt du?",
        ),
        held_out=("hallo, guten tag!", "hallo zusammen", "guten abend, wie geht's?"),
    ),
    "Hallo! Ich bin das kleine Demomodell von Pannier.", "The user writes German.", ("hallo",), 0.015,
)  # fmt: skip
CHINESE = Ritual(
    Phrases(
        train=(
            "你好(！|。||!|吗？)", "您好(！|)", "早上好(！|)", "你是谁？", "谢谢(！|你|)", "你叫什么名字？",
        ),
        held_out=("大家好，你好！", "你好，你是谁？", "嗨，你好"),
    ),
    "你好！我是 Pannier 的小型演示模型。", "The user writes Chinese.", ("你好",), 0.015,
)  # fmt: skip

RITUALS: tuple[Ritual, ...] = (
    HELLO, THANKS, BYE, HOW, LIKES, NODS, SORRY, KOREAN, KOREAN_BYE, JAPANESE, JAPANESE_THANKS, FRENCH,
    SPANISH, GERMAN, CHINESE,
)  # fmt: skip
ASIAN: tuple[Ritual, ...] = (KOREAN, KOREAN_BYE, JAPANESE, JAPANESE_THANKS)


def of(ritual: Ritual, rng: random.Random, split: Split) -> Exchange:
    """One exchange of this ritual."""
    return Exchange(ritual.phrases.say(rng, split), ritual.answer, ritual.thought, ritual.must)


def exchange(rng: random.Random, split: Split) -> Exchange:
    """A greeting, thanks or a goodbye."""
    return of(rng.choices(RITUALS, [ritual.weight for ritual in RITUALS])[0], rng, split)


def other_language(rng: random.Random, split: Split) -> Exchange:
    """A Korean or Japanese greeting only."""
    return of(rng.choices(ASIAN, [ritual.weight for ritual in ASIAN])[0], rng, split)
