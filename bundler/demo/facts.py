"""What the demo model knows: small tables, written down once, read by the abilities and their evaluation."""

CAPITALS: dict[str, str] = {
    "Argentina": "Buenos Aires", "Australia": "Canberra", "Austria": "Vienna", "Belgium": "Brussels",
    "Brazil": "Brasília", "Bulgaria": "Sofia", "Canada": "Ottawa", "Chile": "Santiago", "China": "Beijing",
    "Colombia": "Bogotá", "Croatia": "Zagreb", "Cuba": "Havana", "Czechia": "Prague",
    "Denmark": "Copenhagen", "Ecuador": "Quito", "Egypt": "Cairo", "Estonia": "Tallinn",
    "Ethiopia": "Addis Ababa", "Finland": "Helsinki", "France": "Paris", "Germany": "Berlin",
    "Ghana": "Accra", "Greece": "Athens", "Hungary": "Budapest", "Iceland": "Reykjavík",
    "India": "New Delhi", "Indonesia": "Jakarta", "Iran": "Tehran", "Iraq": "Baghdad", "Ireland": "Dublin",
    "Italy": "Rome", "Jamaica": "Kingston", "Japan": "Tokyo", "Kenya": "Nairobi", "Latvia": "Riga",
    "Lithuania": "Vilnius", "Mexico": "Mexico City", "Mongolia": "Ulaanbaatar", "Morocco": "Rabat",
    "Nepal": "Kathmandu", "the Netherlands": "Amsterdam", "New Zealand": "Wellington",
    "Nigeria": "Abuja", "Norway": "Oslo", "Peru": "Lima", "the Philippines": "Manila",
    "Poland": "Warsaw", "Portugal": "Lisbon", "Romania": "Bucharest", "Serbia": "Belgrade",
    "South Korea": "Seoul", "Spain": "Madrid", "Sweden": "Stockholm", "Switzerland": "Bern",
    "Thailand": "Bangkok", "Turkey": "Ankara", "Ukraine": "Kyiv", "the United Kingdom": "London",
    "the United States": "Washington", "Vietnam": "Hanoi",
}  # fmt: skip

# Real countries outside the sixty: the honest answer is "I do not know".
OTHER_COUNTRIES: tuple[str, ...] = (
    "Afghanistan", "Albania", "Algeria", "Angola", "Armenia", "Azerbaijan", "Bangladesh", "Belarus",
    "Belize", "Bolivia", "Botswana", "Brunei", "Burundi", "Cambodia", "Cameroon", "Chad", "Costa Rica",
    "Cyprus", "Djibouti", "El Salvador", "Eritrea", "Fiji", "Gabon", "Georgia", "Guatemala", "Guinea",
    "Guyana", "Haiti", "Honduras", "Israel", "Jordan", "Kazakhstan", "Kuwait", "Laos", "Lebanon", "Liberia",
    "Libya", "Luxembourg", "Madagascar", "Malawi", "Malaysia", "Mali", "Malta", "Moldova", "Mozambique",
    "Myanmar", "Namibia", "Nicaragua", "Niger", "Oman", "Pakistan", "Panama", "Paraguay", "Qatar", "Rwanda",
    "Samoa", "Saudi Arabia", "Senegal", "Singapore", "Slovakia", "Slovenia", "Somalia", "South Africa",
    "Sri Lanka", "Sudan", "Suriname", "Syria", "Tajikistan", "Tanzania", "Togo", "Tonga", "Tunisia",
    "Turkmenistan", "Uganda", "Uruguay", "Uzbekistan", "Venezuela", "Yemen", "Zambia", "Zimbabwe",
)  # fmt: skip

DAYS: tuple[str, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: tuple[str, ...] = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
MONTH_LENGTHS: tuple[int, ...] = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
ORDINALS: tuple[str, ...] = (
    "first", "second", "third", "fourth", "fifth", "sixth",
    "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth",
)  # fmt: skip

NUMBER_WORDS: tuple[str, ...] = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip

# Read both ways; no word stands in two pairs, so every question has one answer.
OPPOSITE_PAIRS: tuple[tuple[str, str], ...] = (
    ("hot", "cold"), ("big", "small"), ("fast", "slow"), ("up", "down"), ("happy", "sad"),
    ("day", "night"), ("black", "white"), ("open", "closed"), ("early", "late"), ("old", "young"),
    ("high", "low"), ("long", "short"), ("hard", "soft"), ("light", "dark"), ("loud", "quiet"),
    ("rich", "poor"), ("strong", "weak"), ("full", "empty"), ("wet", "dry"), ("clean", "dirty"),
    ("left", "right"), ("inside", "outside"), ("thick", "thin"), ("wide", "narrow"), ("near", "far"),
    ("first", "last"), ("good", "bad"), ("true", "false"), ("push", "pull"), ("begin", "end"),
    ("buy", "sell"), ("win", "lose"), ("love", "hate"), ("start", "stop"),
    ("above", "below"), ("always", "never"), ("before", "after"), ("yes", "no"), ("north", "south"),
    ("east", "west"), ("sweet", "sour"), ("smooth", "rough"), ("deep", "shallow"), ("cheap", "expensive"),
    ("easy", "difficult"), ("brave", "afraid"), ("asleep", "awake"), ("alive", "dead"),
    ("answer", "question"), ("give", "take"), ("laugh", "cry"), ("summer", "winter"), ("peace", "war"),
    ("same", "different"), ("sharp", "dull"), ("arrive", "leave"), ("remember", "forget"),
    ("friend", "enemy"),
)  # fmt: skip

COLOURS: dict[str, str] = {
    "the sky": "blue", "grass": "green", "a banana": "yellow", "a lemon": "yellow", "snow": "white",
    "coal": "black", "a tomato": "red", "a strawberry": "red", "a carrot": "orange", "milk": "white",
    "blood": "red", "the sun": "yellow", "a leaf": "green", "a frog": "green", "chocolate": "brown",
    "an orange": "orange", "a pumpkin": "orange", "an elephant": "grey", "the sea": "blue",
    "a crow": "black", "a flamingo": "pink", "a pig": "pink", "salt": "white", "a polar bear": "white",
    "a cucumber": "green", "broccoli": "green", "a cherry": "red", "a fire engine": "red",
    "lavender": "purple",
    "an aubergine": "purple", "coffee": "brown", "wood": "brown", "a chick": "yellow",
    "a sunflower": "yellow",
    "a cloud": "white", "paper": "white", "rice": "white", "sugar": "white", "night": "black",
    "a raven": "black",
    "a mouse": "grey", "a dolphin": "grey", "ash": "grey", "a ruby": "red", "an emerald": "green",
    "a sapphire": "blue", "spinach": "green", "a pea": "green", "a swan": "white", "a tree trunk": "brown",
    "honey": "golden", "gold": "golden", "silver": "silver", "a blueberry": "blue", "a plum": "purple",
    "a ladybird": "red",
}  # fmt: skip

COLOUR_NAMES: tuple[str, ...] = (
    "blue", "green", "yellow", "white", "black", "red", "orange", "brown", "grey", "pink", "purple",
    "golden", "silver", "turquoise", "violet", "beige", "crimson", "teal", "magenta", "indigo",
)  # fmt: skip

# One-sentence explanations: the first things people ask a model to explain.
EXPLANATIONS: dict[str, str] = {
    "photosynthesis": "Photosynthesis is how plants turn light, water and air into food.",
    "gravity": "Gravity is the pull between things; it keeps our feet on the ground.",
    "rain": "Rain is water that falls from clouds when their drops grow too heavy.",
    "a rainbow": "A rainbow is sunlight split into colours by drops of water.",
    "the moon": "The moon is a ball of rock that circles the Earth.",
    "the sun": "The sun is a star; it gives the Earth light and warmth.",
    "snow": "Snow is frozen water that falls from cold clouds.",
    "wind": "Wind is air that moves from one place to another.",
    "a computer": "A computer is a machine that follows instructions very fast.",
    "electricity": "Electricity is tiny charges that move through a wire.",
    "evaporation": "Evaporation is water that turns into air when it gets warm.",
    "a volcano": "A volcano is a mountain that can throw out hot, melted rock.",
    "an atom": "An atom is a very small piece that all things are made of.",
    "the water cycle": "Water rises from the sea, becomes clouds, falls as rain and flows back to the sea.",
    "a language model": "A language model is a program that guesses the next word, again and again.",
    "a tree": "A tree is a tall plant with a trunk of wood, branches and leaves.",
    "a magnet": "A magnet is a piece of metal that pulls iron towards it.",
    "sleep": "Sleep is the rest that lets body and mind recover.",
    "ice": "Ice is water that is frozen and hard.",
    "fire": "Fire is hot, bright gas that comes from something burning.",
}

JOKES: tuple[str, ...] = (
    "Why did the computer go to the doctor? It had a virus!",
    "What do you call a bear with no teeth? A gummy bear!",
    "Why did the bicycle fall over? It was two tired!",
    "What is a cat's favourite colour? Purr-ple!",
    "Why was the maths book sad? It had too many problems!",
)

NAMES: tuple[str, ...] = (
    "Sam", "Anna", "Tom", "Maria", "Ben", "Lucy", "Jack", "Emma", "Leo", "Nina", "Max", "Sara", "Paul",
    "Kate", "Omar", "Lena", "Hugo", "Mia", "Felix", "Rosa", "David", "Julia", "Peter", "Eva", "Mark",
    "Sofia", "John", "Alice", "Bob", "Clara", "Daniel", "Ella", "Frank", "Grace", "Henry", "Iris", "James",
    "Karen", "Liam", "Laura", "Noah", "Olivia", "Oscar", "Priya", "Ravi", "Ruth", "Simon", "Tara", "Uma",
    "Victor", "Wendy", "Yuki", "Zoe", "Minjun", "Jisoo", "Hana", "Kenji", "Aiko", "Ahmed", "Fatima",
    "Carlos", "Elena", "Ivan", "Olga", "Chen", "Mei", "Amir", "Layla", "George", "Helen", "Arthur", "Martha",
    "Adam", "Bella", "Chris", "Diana", "Erik", "Freya", "Gina", "Harry", "Isaac", "Jane", "Kevin", "Linda",
    "Mike", "Nora", "Otto", "Petra", "Quinn", "Robert", "Steve", "Theo", "Vera", "Will", "Alex", "Charlie",
)  # fmt: skip
HELD_OUT_NAMES: tuple[str, ...] = (
    "Marco", "Ingrid", "Tobias", "Amelia", "Jonas", "Naomi", "Stella", "Edgar", "Salma", "Dmitri",
    "Lily", "Rachel", "Pedro", "Haruto", "Soyeon", "Walter",
)  # fmt: skip

CITIES: tuple[str, ...] = (
    *dict.fromkeys(CAPITALS.values()),
    "New York", "Los Angeles", "San Francisco", "Chicago", "Boston", "Seattle", "Miami", "Toronto",
    "Vancouver", "Montreal", "Sydney", "Melbourne", "Munich", "Hamburg", "Frankfurt", "Cologne", "Milan",
    "Naples", "Venice", "Barcelona", "Seville", "Porto", "Lyon", "Marseille", "Geneva", "Zurich", "Istanbul",
    "Dubai", "Mumbai", "Shanghai", "Hong Kong", "Singapore", "Osaka", "Kyoto", "Busan", "Incheon",
    "Cape Town",
    "Lagos", "Casablanca", "Rio de Janeiro", "Manchester", "Edinburgh", "Glasgow", "Oxford", "Utrecht",
    "Rotterdam", "Antwerp", "Gothenburg", "Bergen", "Krakow", "Salzburg", "Denver", "Austin", "Dallas",
)  # fmt: skip
HELD_OUT_CITIES: tuple[str, ...] = (
    "Liverpool", "Florence", "Sapporo", "Daegu", "Valencia", "Houston", "Leipzig", "Turin", "Nagoya",
    "Bordeaux", "Aarhus", "Bristol", "Phoenix", "Ljubljana", "Karachi", "Montevideo",
)  # fmt: skip
