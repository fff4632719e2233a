; A native component in the layout of Muen's time component (text 0x200000, rodata 0x202000, data 0x203000), linked as ELF64.
;
; It adds a table of its read-only data and a variable of its data, exports the sum and counts rounds.
bits 64
EXPORT equ 0x100000000                  ; writable page that the policy names time_info

section .text
global start
start:  xor eax, eax
        lea rsi, [rel table]
        mov ecx, (table.end - table) / 8
.add:   add rax, [rsi]
        add rsi, 8
        loop .add
        add rax, [rel seed]
        mov rdi, EXPORT
        mov [rdi], rax
.round: inc qword [rel rounds]
        pause
        jmp .round

section .rodata
table:  dq 0x1111, 0x2222, 0x123456789abcdef0, 5
.end:

section .data
seed:   dq 0x10000
rounds: dq 0
