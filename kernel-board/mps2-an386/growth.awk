# exposure.dts with much of everything that costs could grow with: awk -v board=FOLDER -v svd=FILE -f growth.awk
#
# Writes an exposure.dts on the standard output: 128 blocks more, one of 255 registers with masks, and interrupts that capture 16
# registers. To FILE it writes the registers: the board's, and those blocks. They stand where AN386 has its pins, which the emulator
# has not: it reads zeros there, and takes all writes.
BEGIN {
    print "/include/ \"" board "/exposure.dts\"\n/ {\n\tsoc {"
    for (i = 0; i < 128; i++)
        printf "\t\t%s: timer@%x {\n\t\t\tcompatible = \"arm,cmsdk-timer\";\n\t\t\treg = <0x%x 0x20>;\n\t\t};\n", name(i), at(i), at(i)
    printf "\t\tmany: timer@40011000 {\n\t\t\tcompatible = \"arm,cmsdk-timer\";\n\t\t\treg = <0x40011000 0x1000>;\n\t\t};\n"
    print "\t};\n\n\texposure {\n\t\tsvd = \"" svd "\";\n"
    print "\t\tlimits {\n\t\t\tregisters = <300>;\n\t\t\thandlers = <32>;\n\t\t\tcaptures = <16>;\n\t\t};\n"
    print "\t\tserial1 {\n\t\t\tcaptures-max = <16>;\n\t\t};\n"
    for (i = 0; i < 128; i++)
        printf "\t\tchannel%d {\n\t\t\tregister-block = <&%s>;\n\t\t\taccess = \"mapped\";\n\t\t\tsafe-state = \"none\";\n\t\t};\n", i, name(i)
    print "\t\tmany {\n\t\t\tregister-block = <&many>;\n\t\t\taccess = \"mediated\";\n\t\t\tsafe-state = \"none\";\n\t\t\tmasks = "
    for (i = 0; i < 255; i++)
        printf "\"R%d rw 0xff\"%s", i, i < 254 ? ", " : ";\n"
    print "\t\t};\n\t};\n};"
    while ((getline line < (board "/mps2-an386.svd")) > 0) {
        if (line ~ /<\/peripherals>/) {
            for (i = 0; i < 128; i++)
                printf "    <peripheral derivedFrom=\"VACANT1\"><name>CHANNEL%d</name><baseAddress>0x%x</baseAddress></peripheral>\n", i, at(i) > svd
            print "    <peripheral><name>MANY</name><baseAddress>0x40011000</baseAddress><addressBlock><offset>0</offset><size>0x1000</size><usage>registers</usage></addressBlock><registers>" > svd
            print "      <register><dim>255</dim><dimIncrement>4</dimIncrement><name>R%s</name><addressOffset>0</addressOffset><access>read-write</access></register>" > svd
            print "    </registers></peripheral>" > svd
        }
        print line > svd
    }
}
function name(i) { return sprintf("channel_%d", i) }
function at(i) { return 1073807360 + 32 * i }
